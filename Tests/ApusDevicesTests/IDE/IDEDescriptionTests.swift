import ApusBase
import ApusDevices
import Testing

/// Reading Status would clear the interrupt.
@Suite struct IDEDescriptionTests {
  @Test func diskWithDataForTheHost() {
    let bench = IDEBench(MemoryStore(sectors: 4096))
    bench.command(0x20, lba: 0x123, count: 2)
    let before = savedState(bench.host)
    let all = bench.ide.descriptions
    #expect(all.map(\.name) == ["IDE primary channel", "IDE primary device 0", "IDE secondary channel"])
    let (channel, disk) = (all[0], all[1])
    #expect(channel["IDETIM"] == "8000h  decoded" && channel["selected"] == "device 0")
    #expect(channel["Device Control"] == "00h" && channel["IRQ14"] == "high")
    #expect(channel["BMISTA"] == "04h  IDEINTS" && channel["BMICOM"] == "00h")
    #expect(disk["ATA disk"] == "4096 sectors" && disk["Status"] == "58h  DRQ DSC DRDY")
    #expect(disk["Command"] == "20h  READ SECTORS" && disk["Error"] == "00h")
    // The registers before were the signature's.
    #expect(disk["LBA Low"] == "23h  HOB 01h" && disk["LBA Mid"] == "01h  HOB 00h")
    #expect(disk["Device"] == "E0h  LBA 291" && disk["INTRQ"] == "pending")
    #expect(disk["phase"] == "PIO data-in")
    #expect(disk["transfer"] == "0 of 512 bytes, 1 more sectors from LBA 292")
    #expect(disk["translation"] == "4 cylinders, 16 heads, 63 sectors")
    #expect(savedState(bench.host) == before && bench.lines[14])
    #expect(all[2]["selected"] == "device 0, which is not there" && all[2]["IRQ15"] == "low")
  }

  @Test func busMasterAfterATransfer() {
    let bench = IDEBench(MemoryStore(sectors: 4096))
    bench.command(0xC8, lba: 7)
    bench.startDMA([(0x2000, 512)], toMemory: true)
    let channel = bench.ide.descriptions[0]
    #expect(channel["BMICOM"] == "09h  SSBM RWCON" && channel["BMISTA"] == "04h  IDEINTS")
    #expect(channel["BMIDTP"] == "00001000h" && channel["region"] == nil)
    bench.command(0x20, lba: 0x0FFF_FFFF, device: 0)
    let disk = bench.ide.descriptions[1]
    #expect(disk["Status"] == "51h  ERR DSC DRDY" && disk["Error"] == "10h  IDNF")
    #expect(disk["Device"]?.hasSuffix("CHS 65535 15 255") == true)
  }

  @Test func packetDevice() {
    let bench = CDROMBench(blocks: 100)
    #expect(bench.run([0x81]).status == 0x51)
    let all = bench.ide.descriptions
    #expect(all.map(\.name) == ["IDE primary channel", "IDE secondary channel", "IDE secondary device 0"])
    #expect(all[1]["IDETIM"] == "8000h  decoded")
    let drive = all[2]
    #expect(drive["CD-ROM"] == "100 blocks, tray closed" && drive["Command"] == "A0h  PACKET")
    #expect(drive["Status"] == "51h  CHK DSC DRDY" && drive["Error"] == "54h  sense key 5, ABRT")
    #expect(drive["Interrupt Reason"] == "03h  C/D I/O" && drive["INTRQ"] == "none")
    #expect(drive["sense"] == "key 5, code and qualifier 20h 00h")
    bench.send([0x28, 0, 0, 0, 0, 10, 0, 0, 2])
    let reading = bench.ide.descriptions[2]
    #expect(reading["packet"] == "28h 00h 00h 00h 00h 0Ah 00h 00h 02h 00h 00h 00h")
    #expect(reading["phase"] == "PIO data-in" && reading["Byte Count"] == "1000h  4096")
    #expect(reading["transfer"] == "0 of 4096 bytes, 0 more blocks from 12")
    #expect(bench.lines[15])
  }
}
