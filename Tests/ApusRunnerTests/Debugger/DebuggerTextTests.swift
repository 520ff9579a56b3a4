import ApusMachine
import Testing
import apus

/// What is on the screen at moments of the teaching guest; a change of the guest changes it.
@Suite struct DebuggerTextTests {
  @Test func screensOfSeveralModes() throws {
    let bench = try DebuggerBench()
    bench.go(to: 60_000)
    // Protected mode has just been left again.
    bench.go(to: 1910)
    bench.press("s")
    #expect(bench.text() == Screens.real)
    // Paging is switched on next.
    bench.go(to: 15_156)
    bench.press("2")
    #expect(bench.text() == Screens.protected)
    bench.go(to: 60_000)
    bench.press("1S")
    #expect(bench.text() == Screens.long)
    #expect(bench.text(132, 50) == Screens.large)
    bench.press("6")
    #expect(bench.text() == Screens.walk)
    bench.press("7")
    #expect(bench.text() == Screens.tables)
    bench.press("1")
    #expect(bench.text(40, 9) == Screens.small)
  }
}

private enum Screens {
  static let real = """
     1 code  instruction 1,911  0.000 s  in the past  real-address mode
      f000:f0c5 mov bx,0x10                              │real-address mode
      f000:f0c8 mov ds,bx                                │EAX 60000010  EBX 00000010
      f000:f0ca mov es,bx                                │ECX 00000000  EDX 00a203f8
      f000:f0cc and al,0xfe                              │ESI 0000f0b4  EDI 00000000
      f000:f0ce mov cr0,eax                              │EBP 00000000  ESP 00006ffc
     ▶f000:f0d1 jmp 0xf0d3                               │EIP 0000f0d1
      f000:f0d3 xor bx,bx                                │RFL 00000002 of df if tf
      f000:f0d5 mov ds,bx                                │    sf zf af pf cf
      f000:f0d7 mov es,bx                                │CS  f000 ffff0000
      f000:f0d9 mov ebx,0xfffff000                       │SS  0000 00000000
      f000:f0df cmp DWORD PTR [ebx],0x53555041           │DS  0010 00000000
      f000:f0e7 jne 0xf1c3                               │ES  0010 00000000
      f000:f0eb calld 0xf28d                             │FS  0000 00000000
    stack 0000:0x6ffc  2 bytes a line                    │GS  0000 00000000
    00006ffc  0000  SP                                   │CR0  60000010 CD NW ET pe
    00006ffe  0000                                       │CR2  0000000000000000
    00007000  0000                                       │CR3  0000000000000000
    00007002  0000                                       │CR4  00000000
    00007004  0000                                       │EFER 00000000
    00007006  0000                                       │
    00007008  0000                                       │
    0 ┼─█──────────────────┼────────────────────┼───────────────────── 60,000 ±1,000
     s step  n over  c continue  S back  B continue back  r run to  g go to  ? keys

    """

  static let protected = """
     2 registers  instruction 15,156  0.001 s  in the past  protected mode, 32-bit c
    protected mode, 32-bit code, CPL 0 (supervisor)
    EAX 80000011  EBX 00000000  ECX c0000080  EDX 00000000  ESI fffff4a2
    EDI 00015000  EBP 0000c170  ESP 00007000
    EIP fffff4cb  CR8 0
    RFL 00000086 of df if tf SF zf af PF cf
         selector base    limit
    CS  0008 00000000 ffffffff 32-bit code, readable, accessed, DPL 0
    SS  0010 00000000 ffffffff 32-bit data, writable, accessed, DPL 0
    DS  0010 00000000 ffffffff 32-bit data, writable, accessed, DPL 0
    ES  0010 00000000 ffffffff 32-bit data, writable, accessed, DPL 0
    FS  0010 00000000 ffffffff 32-bit data, writable, accessed, DPL 0
    GS  0010 00000000 ffffffff 32-bit data, writable, accessed, DPL 0
    LDTR 0000 00000000 0000ffff LDT, DPL 0
    TR  0000 00000000 0000ffff 32-bit TSS (busy), DPL 0
    GDTR 00000000fffff628 001f  IDTR 0000000000000000 ffff
    CR0  00000011 ET PE cd nw
    CR2  0000000000000000  CR3  0000000000010000
    CR4  00000020 PAE
    EFER 00000100 LME
    DR0 0000000000000000  DR1 0000000000000000  DR2 0000000000000000
    DR3 0000000000000000
    0 ┼──────────────█─────┼────────────────────┼───────────────────── 60,000 ±1,000
     s step  n over  c continue  S back  B continue back  r run to  g go to  ? keys

    """

  static let long = """
     1 code  instruction 59,999  0.001 s  in the past  64-bit mode, CPL 0
      00000000001058f3 or rax,0x2                        │64-bit mode, CPL 0
      00000000001058f7 mov r14,QWORD PTR [rip+0x77aa] # 0│RAX 0000000000000003
      00000000001058fe mov QWORD PTR [rbp-0x30],rsi      │RBX 8000000000000102
     ▶0000000000105902 mov r9d,esi                       │RCX 000000000000000c
      0000000000105905 and r9d,0x4                       │RDX 0000000000192000
      0000000000105909 mov QWORD PTR [rbp-0x38],rax      │RSI 8000000000000102
      000000000010590d lea r13,[rax+rax*8]               │RDI 0000000000192000
      0000000000105911 push 0x27                         │RBP 0000000000116f50
      0000000000105913 pop r12                           │RSP 0000000000116f10
      0000000000105915 movabs r15,0xffffffffff000        │R8  0000000000116f68
      000000000010591f mov QWORD PTR [rbp-0x40],rdi      │R9  0000000000000000
      0000000000105923 mov rbx,rdx                       │R10 0000000000000000
      0000000000105926 mov ecx,r12d                      │R11 0000000000000000
    stack 0x116f10  8 bytes a line                       │R12 8000000000000182
    0000000000116f10  0000000000191000  RSP              │R13 000000000011b000
    0000000000116f18  0000000000000003                   │R14 000000000011b000
    0000000000116f20  8000000000000102                   │R15 0000000000192000
    0000000000116f28  8000000000000102                   │RIP 0000000000105902
    0000000000116f30  8000000000000182                   │RFL 00000006 of df if tf
    0000000000116f38  000000000011b000                   │    sf zf af PF cf
    0000000000116f40  0000000000200000                   │CS  0018 0000000000000000
    0 ┼────────────────────┼────────────────────┼───────────────────█─ 60,000 ±1,000
     s step  n over  c continue  S back  B continue back  r run to  g go to  ? keys

    """

  static let large = """
     1 code  instruction 59,999  0.001 s  in the past  64-bit mode, CPL 0
      00000000001058f3 48 83 c8 02              or rax,0x2                               │64-bit mode, CPL 0
      00000000001058f7 4c 8b 35 aa 77 00 00     mov r14,QWORD PTR [rip+0x77aa] # 0x10d0a8│RAX 0000000000000003  RBX 8000000000000102
      00000000001058fe 48 89 75 d0              mov QWORD PTR [rbp-0x30],rsi             │RCX 000000000000000c  RDX 0000000000192000
     ▶0000000000105902 41 89 f1                 mov r9d,esi                              │RSI 8000000000000102  RDI 0000000000192000
      0000000000105905 41 83 e1 04              and r9d,0x4                              │RBP 0000000000116f50  RSP 0000000000116f10
      0000000000105909 48 89 45 c8              mov QWORD PTR [rbp-0x38],rax             │R8  0000000000116f68  R9  0000000000000000
      000000000010590d 4c 8d 2c c0              lea r13,[rax+rax*8]                      │R10 0000000000000000  R11 0000000000000000
      0000000000105911 6a 27                    push 0x27                                │R12 8000000000000182  R13 000000000011b000
      0000000000105913 41 5c                    pop r12                                  │R14 000000000011b000  R15 0000000000192000
      0000000000105915 49 bf 00 f0 ff ff ff ff+ movabs r15,0xffffffffff000               │RIP 0000000000105902
      000000000010591f 48 89 7d c0              mov QWORD PTR [rbp-0x40],rdi             │RFL 00000006 of df if tf sf zf af PF cf
      0000000000105923 48 89 d3                 mov rbx,rdx                              │CS  0018 0000000000000000
      0000000000105926 44 89 e1                 mov ecx,r12d                             │SS  0010 0000000000000000
      0000000000105929 48 d3 eb                 shr rbx,cl                               │DS  0010 0000000000000000
      000000000010592c c1 e3 03                 shl ebx,0x3                              │ES  0010 0000000000000000
      000000000010592f 81 e3 f8 0f 00 00        and ebx,0xff8                            │FS  0000 0000000000000000
      0000000000105935 4c 01 f3                 add rbx,r14                              │GS  0000 0000000000000000
      0000000000105938 0f 82 d0 00 00 00        jb 0x105a0e                              │CR0  80000011 PG ET PE
      000000000010593e 0f 84 d0 00 00 00        je 0x105a14                              │CR2  0000000000000000
      0000000000105944 4c 8b 33                 mov r14,QWORD PTR [rbx]                  │CR3  0000000000010000
      0000000000105947 41 f6 c6 01              test r14b,0x1                            │CR4  00000020 PAE
      000000000010594b 75 6e                    jne 0x1059bb                             │EFER 00000d00 NXE LMA LME
      000000000010594d 48 8b 05 4c 77 00 00     mov rax,QWORD PTR [rip+0x774c] # 0x10d0a0│
      0000000000105954 48 ff c0                 inc rax                                  │
      0000000000105957 0f 80 b3 00 00 00        jo 0x105a10                              │
      000000000010595d 48 89 05 3c 77 00 00     mov QWORD PTR [rip+0x773c],rax # 0x10d0a0│
      0000000000105964 4c 8b 35 2d 77 00 00     mov r14,QWORD PTR [rip+0x772d] # 0x10d098│
      000000000010596b 4d 85 f6                 test r14,r14                             │
      000000000010596e 75 1c                    jne 0x10598c                             │
    stack 0x116f10  8 bytes a line                                                       │
    0000000000116f10  0000000000191000  RSP                                              │
    0000000000116f18  0000000000000003                                                   │
    0000000000116f20  8000000000000102                                                   │
    0000000000116f28  8000000000000102                                                   │
    0000000000116f30  8000000000000182                                                   │
    0000000000116f38  000000000011b000                                                   │
    0000000000116f40  0000000000200000                                                   │
    0000000000116f48  0000000000192000                                                   │
    0000000000116f50  0000000000116f80  RBP                                              │
    0000000000116f58  0000000000105a8e                                                   │
    0000000000116f60  8000000000000000                                                   │
    0000000000116f68  8000000000000102                                                   │
    0000000000116f70  8000000000000100                                                   │
    0000000000116f78  00000000fee00000                                                   │
    0000000000116f80  0000000000116fc0                                                   │
    0000000000116f88  0000000000105602                                                   │
    0000000000116f90  8000000000000102                                                   │
    0 ┼─────────────────────────────────────┼─────────────────────────────────────┼─────────────────────────────────────█─ 60,000 ±1,000
     s step  n over  c continue  S back  B continue back  r run to  g go to  ? keys  q leave

    """

  static let walk = """
     6 page walk  instruction 59,999  0.001 s  in the past  64-bit mode, CPL 0
    walk for 0x00000000fffffff0, a supervisor read
    CR3 0000000000010000  4-level paging
    PML4E 0000000000016023 at 0x10000, entry 0
          present, writable, supervisor, accessed
    PDPTE 0000000000014023 at 0x16018, entry 3
          present, writable, supervisor, accessed
    PDE   00000000ffe000a3 at 0x14ff8, entry 511
          present, writable, supervisor, accessed, clean, 2 MiB page
    Permitted: physical 0xfffffff0, in a page of 2 MiB












    0 ┼────────────────────┼────────────────────┼───────────────────█─ 60,000 ±1,000
     s step  n over  c continue  S back  B continue back  r run to  g go to  ? keys

    """

  static let tables = """
     7 descriptor tables  instruction 59,999  0.001 s  in the past  64-bit mode, CPL
    GDT at 0xfffff628, limit 0x1f
    0008  32-bit code, readable, accessed, DPL 0, base 0x00000000, limit 0xffffffff
    0010  32-bit data, writable, accessed, DPL 0, base 0x00000000, limit 0xffffffff
    0018  64-bit code, readable, accessed, DPL 0, base 0x00000000, limit 0xffffffff

















    0 ┼────────────────────┼────────────────────┼───────────────────█─ 60,000 ±1,000
     s step  n over  c continue  S back  B continue back  r run to  g go to  ? keys

    """

  static let small = """
     1 code  instruction 59,999  0.001 s  in
      00000000001058f3 or rax,0x2
      00000000001058f7 mov r14,QWORD PTR [ri
      00000000001058fe mov QWORD PTR [rbp-0x
     ▶0000000000105902 mov r9d,esi
      0000000000105905 and r9d,0x4
      0000000000105909 mov QWORD PTR [rbp-0x
    0 ┼──────┼───────┼──────█─ 60,000 ±1,000
     s step  n over  c continue  S back  B c

    """
}
