import Foundation

#if canImport(FoundationXML)
import FoundationXML
#endif

/// An SVG as a reader of XML sees it. Throws when it is not well-formed.
struct Drawing {
    struct Element {
        let name: String
        let attributes: [String: String]
        var text = ""

        subscript(_ name: String) -> String? { attributes[name] }
    }

    private let all: [Element]

    init(_ svg: String) throws {
        let reader = Reader()
        let parser = XMLParser(data: Data(svg.utf8))
        parser.delegate = reader
        // The parser forgives what it can.
        guard parser.parse(), parser.parserError == nil, reader.isBalanced else {
            throw Unexpected("no XML: \(parser.parserError.map { "\($0)" } ?? "")")
        }
        all = reader.elements
    }

    /// The elements of a name, and of a class.
    func elements(_ name: String, _ type: String? = nil) -> [Element] {
        all.filter { $0.name == name && (type == nil || $0["class"] == type) }
    }

    /// What is written on it.
    var texts: [String] { elements("text").map(\.text) }

    private final class Reader: NSObject, XMLParserDelegate {
        var elements: [Element] = []
        private var open: [Int] = []
        /// Whether each end is that of the element which was begun last.
        private(set) var isBalanced = true

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            open.append(elements.count)
            elements.append(Element(name: name, attributes: attributes))
        }

        func parser(_ parser: XMLParser, foundCharacters text: String) { if let last = open.last { elements[last].text += text } }

        func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
            guard let last = open.popLast(), elements[last].name == name else { return isBalanced = false }
        }
    }
}
