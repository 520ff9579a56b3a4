// The workloads in the order in which they run. `checksums.txt` has the same checksums for who reads the output.

let workloads: [Workload] = [
  Workload(name: "dhry", checksum: 0x4F0C_163C_B789_E7FD, size: 4096, prepare: prepareRecords, work: dhry),
  Workload(name: "sieve", checksum: 0x7902_3C8C_CF5D_1500, size: sieveLimit, work: sieve),
  Workload(
    name: "sha256", checksum: 0x2875_07F4_0317_6F1F, size: shaLength + 4096, prepare: prepareMessage,
    work: sha256),
  Workload(
    name: "memcpy", checksum: 0x3FD1_E9D2_0B83_77E2, size: copySize * 2 + 4096, prepare: prepareCopy,
    work: copyByVectors),
  Workload(
    name: "rep-movsb", checksum: 0x3FD1_E9D2_0B83_77E2, size: copySize * 2 + 4096, prepare: prepareCopy,
    work: copyByString),
  Workload(
    name: "strlen", checksum: 0xECDB_D200_4305_8E42, size: textSize, prepare: prepareTexts, work: textLengths),
  Workload(
    name: "qsort", checksum: 0xCE0C_271B_7FD2_D185, size: sortCount * 4, prepare: prepareSort, work: sort),
  Workload(
    name: "ptrchase", checksum: 0x833C_06CD_23E1_0400, size: nodeCount * 4096, prepare: prepareChase,
    work: chaseNodes),
  Workload(name: "nbody", checksum: 0x1266_2673_2D1F_F32B, size: 4096, prepare: prepareBodies, work: nbody),
  Workload(name: "sse2", checksum: 0x4DE7_C9CF_C8DF_1556, size: 4096, prepare: prepareVectors, work: vectors),
  Workload(name: "getpid", checksum: 1_000_000, work: { _ in getpidCalls() }),
  Workload(name: "fork-exec", checksum: 0xF61F_CEA3_C6E0_70E4, work: { _ in forksAndExecs() }),
  Workload(name: "pipe", checksum: 0x006F_02E4_BE52_CD42, work: { _ in pipeRoundTrips() }),
  Workload(name: "page-faults", checksum: 51_000, work: { _ in pageFaults() }),
  Workload(name: "gzip", size: gzipLength, prepare: prepareGzip, work: { _ in gzip() }),
]
