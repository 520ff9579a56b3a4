import ApusDevices

/// The characters of the PC's display adapters in Unicode.
/// Sources: Unicode Consortium, "cp437_DOSLatinUS to Unicode table"; for 00h–1Fh and 7Fh, which that table
/// leaves to control characters, Unicode's "IBM Graphic Character set" (IBMGRAPH.TXT).
package enum CodePage437 {
  private static let graphics = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
  private static let ascii = String(decoding: 0x20...0x7E as ClosedRange<UInt8>, as: UTF8.self) + "⌂"
  private static let upper =
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»"
    + "░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀"
    + "αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{A0}"

  /// What each code shows.
  package static let scalars: [Unicode.Scalar] = Array((graphics + ascii + upper).unicodeScalars)

  /// The rows of a screen, each without blanks at its end and with a line feed.
  package static func text(of screen: TextScreen) -> String {
    (0..<screen.rows).map { line(screen.characters(row: $0)) + "\n" }.joined()
  }

  /// The text of some codes, without blanks at its end.
  package static func line(_ codes: [UInt8]) -> String {
    let isBlank = [true] + (1...255).map { $0 == 0x20 || $0 == 0xFF }
    let end = (codes.lastIndex { !isBlank[Int($0)] } ?? -1) + 1
    var text = String.UnicodeScalarView()
    text.append(contentsOf: codes[..<end].map { scalars[Int($0)] })
    return String(text)
  }
}
