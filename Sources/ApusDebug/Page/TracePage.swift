/// One page of HTML that shows a recorded stretch of a run. It holds all that it needs, and asks nobody for more: the
/// policy in its head forbids it to.
package enum TracePage {
  /// The bytes of the page.
  /// - Parameters:
  ///   - title: what ran.
  ///   - subtitle: one more line about it.
  package static func bytes(_ recording: TraceRecording, title: String, subtitle: String) -> [UInt8] {
    var page = Array(
      """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <meta http-equiv="Content-Security-Policy"
        content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
      <title>\(Markup.escaped(title)) - Apus trace</title>
      <style>

      """.utf8)
    for part in [PageStyle.frame, PageStyle.cards] { page += part.utf8 }
    page += "</style>\n</head>\n".utf8
    page += content.utf8
    page += "<script type=\"application/json\" id=\"trace\">\n".utf8
    page += TraceJSON(recording, title: title, subtitle: subtitle).bytes
    page += "</script>\n<script>\n\"use strict\";\n".utf8
    for part in script { page += part.utf8 }
    page += "</script>\n</body>\n</html>\n".utf8
    return page
  }

  /// The scripts, in the order in which they need each other.
  private static let script = [
    PageScript.model, PageScript.format, PageScript.overview, PageScript.listing, PageScript.registers,
    PageScript.memory, PageScript.paging, PageScript.delivery, PageScript.story, PageScript.control,
  ]
}
