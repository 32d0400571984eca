import Foundation
import Testing

@testable import Millrace

@Suite("TransportURL") struct TransportURLTests {
    private func message(_ body: () throws -> Void) -> String {
        let error = #expect(throws: MillraceError.self) { try body() }
        #expect(error?.code == .invalidOption)
        return error?.description ?? ""
    }

    @Test("All parts can be taken out, decoded")
    func parts() throws {
        var url = try TransportURL("Example://ada:p%40ss:w@a,b:7,[::1]:8/some%20path?one=1&two=a+b&three=&four")
        #expect(url.scheme == "example")
        #expect(url.hasAuthority)
        #expect(url.takeUsername() == "ada")
        #expect(try url.takePassword() == "p@ss:w")
        let hosts = try url.takeHosts(defaultPort: 5)
        #expect(hosts == [.init(name: "a", port: 5), .init(name: "b", port: 7), .init(name: "::1", port: 8)])
        #expect(url.takePath() == "/some path")
        #expect(try url.takeNumber("one") == 1)
        #expect(try url.take("two") == "a+b")
        #expect(try url.take("three") == "")
        #expect(try url.take("four") == "")
        #expect(try url.take("five") == nil)
        try url.finish()
    }

    @Test(
        "A URL needs no authority",
        arguments: [
            ("memory:", "", ""), ("memory:?capacity=100", "", "100"), ("sqlite:demo.db?capacity=1", "demo.db", "1"),
            ("sqlite:///abs/path.db", "/abs/path.db", ""), ("sqlite:a%20b.db", "a b.db", ""),
        ])
    func withoutAuthority(_ text: String, _ path: String, _ capacity: String) throws {
        var url = try TransportURL(text)
        #expect(url.takePath() == path)
        #expect(try url.take("capacity") ?? "" == capacity)
        try url.finish()
    }

    @Test("Durations, numbers, flags and choices have their types and bounds")
    func typed() throws {
        var url = try TransportURL("x:?a=500ms&b=5&c=2m&d=2h&e=7d&f=0s&g=true&h=0&i=blue")
        #expect(try url.takeDuration("a") == .milliseconds(500))
        #expect(try url.takeDuration("b") == .seconds(5))
        #expect(try url.takeDuration("c") == .seconds(120))
        #expect(try url.takeDuration("d") == .seconds(7_200))
        #expect(try url.takeDuration("e") == .seconds(604_800))
        #expect(try url.takeDuration("f", atLeast: .zero) == .zero)
        #expect(try url.takeFlag("g") == true)
        #expect(try url.takeFlag("h") == false)
        #expect(try url.takeChoice("i", ["red": 1, "blue": 2]) == 2)
        try url.finish()
        func bad(_ value: String, _ take: (inout TransportURL) throws -> Void) -> String {
            message {
                var url = try TransportURL("x:?a=\(value)")
                try take(&url)
            }
        }
        #expect(bad("0") { _ = try $0.takeNumber("a") }.contains("x URL: a is '0', it must be a whole number, at least 1"))
        #expect(bad("9") { _ = try $0.takeNumber("a", in: 1...8) }.contains("a is '9', it must be 1 to 8"))
        #expect(bad("0s") { _ = try $0.takeDuration("a") }.contains("a is '0s', it must be a number with ms, s, m, h or d"))
        #expect(bad("5y") { _ = try $0.takeDuration("a") }.contains("a is '5y'"))
        #expect(bad("99999999999d") { _ = try $0.takeDuration("a") }.contains("a is '99999999999d'"))
        #expect(bad("yes") { _ = try $0.takeFlag("a") }.contains("a is 'yes', it must be true or false"))
        #expect(bad("x") { _ = try $0.takeChoice("a", ["red": 1, "blue": 2]) }.contains("it must be one of red, blue"))
    }

    @Test("What is left is refused, with the nearest option that is known")
    func leftovers() {
        func left(_ text: String) -> String {
            message {
                var url = try TransportURL(text)
                _ = try url.take("group")
                _ = try url.takeNumber("capacity")
                try url.finish()
            }
        }
        #expect(left("x:?capcity=1").contains("query is 'capcity'"))
        #expect(left("x:?capcity=1").contains("did you mean 'capacity'? Known: capacity, group"))
        #expect(left("x:?zebra=1").contains("has. Known: capacity, group"))
        #expect(left("x://host").contains("host is 'host', it must be left out"))
        #expect(left("x:path").contains("path is \"path\", it must be left out"))
        #expect(!left("x://u:geheim@").contains("geheim"))
        #expect(left("x://u:geheim@").contains("username is not shown"))
        #expect(message { _ = try TransportURL("x:?a=1&a=2") }.contains("a is given twice"))
        #expect(message { _ = try TransportURL("x:#a") }.contains("fragment is not shown"))
        #expect(message { _ = try TransportURL("x:?a=%zz") }.contains("a is '%zz'"))
    }

    @Test("Secrets come from the URL, a file or a variable, and from one of them")
    func secrets() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("millrace-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        func password(_ text: String) throws -> String? {
            var url = try TransportURL(text, environment: ["SECRET": "geheim", "EMPTY": ""])
            defer { #expect(throws: Never.self) { try url.finish() } }
            return try url.takePassword()
        }
        try "geheim\n\n".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(try password("x:?password-file=\(path)") == "geheim\n")
        try "geheim\r\n".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(try password("x:?password-file=\(path)") == "geheim")
        #expect(try password("x:?password-env=SECRET") == "geheim")
        #expect(try password("x:?password=geheim") == "geheim")
        #expect(try password("x:") == nil)
        var shown: [String] = []
        shown.append(message { _ = try password("x:?password-env=OTHER") })
        #expect(shown[0].contains("password-env is 'OTHER', it must be the name of a variable that is set"))
        shown.append(message { _ = try password("x:?password-env=EMPTY") })
        #expect(shown[1].contains("password-env is 'EMPTY'"))
        shown.append(message { _ = try password("x:?password-file=/no/such/file") })
        #expect(shown[2].contains("'/no/such/file'"))
        #expect(shown[2].contains("No such file"))
        shown.append(message { _ = try password("x:?password-file=\(path)&password=geheim") })
        #expect(shown[3].contains("password is given more than once"))
        shown.append(message { _ = try password("x://:geheim@?password-env=SECRET") })
        try "\n".write(toFile: path, atomically: true, encoding: .utf8)
        shown.append(message { _ = try password("x:?password-file=\(path)") })
        #expect(shown[5].contains("it is empty"))
        try String(repeating: "geheim", count: 20_000).write(toFile: path, atomically: true, encoding: .utf8)
        shown.append(message { _ = try password("x:?password-file=\(path)") })
        #expect(shown[6].contains("more than 65536 bytes"))
        for text in shown { #expect(!text.contains("geheim")) }
    }

    @Test(
        "No description and no dump shows a secret",
        arguments: [
            "x://u:geheim@host/p?a=1", "x://geheim@host", "x:?password=geheim", "x:?pasword=geheim", "x:?api-token=geheim",
            "x://u:ge/heim@host", "x:geheim@host", "x:?a=1&b=geheim@host",
        ])
    func descriptions(_ text: String) throws {
        let url = try TransportURL(text)
        var dumped = ""
        dump(url, to: &dumped)
        for shown in ["\(url)", url.debugDescription, "\([url])", dumped] {
            #expect(!shown.contains("geheim"))
            #expect(!shown.contains("ge/heim"))
            #expect(shown.contains("x:"))
        }
    }

    @Test("A description shows what is no secret")
    func harmlessDescription() throws {
        let url = try TransportURL("x://u:p@h:1/d?group=g&password-file=/f&key=k")
        #expect("\(url)" == "x://***@h:1/d?group=g&password-file=/f&key=***")
        #expect("\(try TransportURL("memory:?capacity=1"))" == "memory:?capacity=1")
    }
}
