/// The texts of `--help` and `--version`.
package enum Help {
  package static let version = "apus 0.1.0"

  private static let introduction = """
    apus - an x86-64 PC in software

    Usage: apus [run] [options] [image]
           apus COMMAND [options] ...

    Boots the image: a kernel, or a raw image of a CD-ROM (ISO 9660), a floppy disk (by its size) or a hard
    disk, told apart by their content, which Apus's own BIOS starts. Without an image, a kernel or a disk,
    the teaching kernel inside apus starts. The first serial port is the terminal.

    Options have one dash or two; a value is the next word or follows '='. QEMU's spellings of the same
    things work, so 'apus' can stand where a Makefile says 'qemu-system-x86_64'.
    """

  private static let conclusion = """
    Keys at the console, each after Ctrl-A:
      x       leave at once                     c       show instructions, time and speed
      s, b    send a serial break               h, ?    list these keys
      p       save a picture of the screen      v       show the serial port, or the screen again
      w       save the machine (--save)         l       go back to where it was saved or loaded
      Ctrl-A  send Ctrl-A itself
    They work when standard input is a terminal, or with --serial mon:stdio.

    When standard output is a terminal, the guest's text, colours and cursor movement reach it; sequences
    that query, reprogram or retitle it do not (--raw-console sends everything).

    The screen:
      While the terminal shows it, keys are the guest's PC keyboard (US layout): xterm's function and cursor
      keys, Ctrl and letters, Alt as ESC before a key. What the serial port sends meanwhile is shown
      afterwards. Text has the terminal's sixteen colours, graphics need a terminal with 24-bit colour.

    Steps of a --script, whose times are seconds of guest time, so that it always runs the same way:
      wait screen|serial TEXT [SECONDS]   until a text is on the screen or has come over the serial port,
                                          for at most 60 seconds or as many as said, else exit code 8
      type TEXT                           as --type; blanks at its ends need double quotes around it
      press KEYS...                       F12, Enter, Ctrl+Alt+Del and so on, one after the other
      mouse RIGHT DOWN [WHEEL [BUTTONS]]  move the mouse by counts; buttons are 1 left, 2 right and 4 middle
      screenshot FILE.png                 save a picture of the screen
      screen-text [FILE]                  print or save the text on the screen
      sleep SECONDS                       wait
      exit CODE                           end the run with this exit code
      # ...                               a remark
      A TEXT with blanks stands in double quotes, in which \\" and \\n have their usual meaning.

    Time and repetition:
      The guest's time follows from its instructions. While somebody is at the console an idle guest waits
      in real time; once standard input has ended it goes to its next timer at once. Input from a file
      enters at fixed instruction counts, so runs with the same files and options give the same state hash.

    Exit codes:
      0   the guest powered off, was reset (--no-reboot), wrote the text of --exit-on, or Ctrl-A x
      2   the command line was not understood
      3   a kernel, initrd, module, disk image or snapshot is missing or bad
      4   reading, writing or flushing a disk image failed
      5   the host refused memory or an output
      6   the guest died: a triple fault, a halt that nothing can end, or the text of --panic-on
      7   --limit-instructions or --limit-seconds was reached
      8   what a step of --script waited for did not come
      9   'apus replay' did another run than the recorded one
      70  the guest needs something that Apus does not have, or Apus failed
      128+n  ended by signal n
      (V << 1) | 1, where V is what the guest wrote to the debug-exit port

    Examples:
      apus
      apus --kernel vmlinuz --initrd initrd.img --append "console=ttyS0" --memory 512M
      apus --kernel vmlinuz --append "console=ttyS0 root=/dev/vda" \\
           --drive file=root.img,format=raw,if=virtio
      apus --flat test.bin,at=0x7c00 --debug-exit --success-code 33 --limit-seconds 10
      apus disk.img
      apus --cdrom installer.iso --hda disk.img -boot d -m 1G
      apus floppy.img --script boot.script --screenshot end.png
      apus -kernel kernel.elf -nographic -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=0x4

    """

  /// Everything that `--help` prints.
  package static var text: String {
    var text = introduction + "\n\nCommands (apus COMMAND --help says more):\n"
    for subcommand in Subcommand.all { text += lines([subcommand.name], nil, subcommand.summary) }
    for group in OptionTable.groups {
      text += "\n\(group.title):\n"
      for entry in group.entries { text += lines(entry.spellings, entry.value, entry.help) }
    }
    return text + "\n" + conclusion
  }

  private static let column = 30
  private static let width = 100

  /// The lines about an option: its spellings and the placeholder of its value, and what it does in a column.
  static func lines(_ spellings: [String], _ value: String?, _ help: String) -> String {
    var line = "  " + spellings.joined(separator: ", ") + (value.map { " " + $0 } ?? "")
    var text = ""
    if line.count >= column {
      text = line + "\n"
      line = ""
    }
    line += String(repeating: " ", count: column - line.count)
    for word in help.split(separator: " ") {
      if line.count + word.count > width {
        text += line + "\n"
        line = String(repeating: " ", count: column)
      }
      line += line.count == column ? String(word) : " " + word
    }
    return text + line + "\n"
  }
}
