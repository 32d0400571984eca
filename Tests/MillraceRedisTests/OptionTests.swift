import Foundation
import Millrace
import MillraceRedis
import TestSupport
import Testing

extension RedisTests {
    @Suite("RedisOptions") struct Options {
        private func change(_ body: (inout RedisOptions) -> Void) -> RedisOptions {
            var options = RedisOptions()
            body(&options)
            return options
        }

        @Test("A URL says everything")
        func fullURL() throws {
            let options = try RedisOptions(
                url: "rediss://ada:p%40ss%2Fw%C3%B6rd:x@redis.example:7000/3?group=billing&name=app-1&consumer=c%201&ca=/ca.pem"
                    + "&cert=/c.pem&key=/k.pem&server-name=other.example&verify=false&connect-timeout=500ms&command-timeout=2m"
                    + "&claim-interval=7&maximum-pending=10&maximum-length=1000&dead-letters=.dlq")
            let expected = RedisOptions(
                endpoints: [.tcp(host: "redis.example", port: 7000)], username: "ada", password: "p@ss/wörd:x", database: 3,
                clientName: "app-1",
                tls: RedisTLS(
                    caFile: "/ca.pem", certificateFile: "/c.pem", keyFile: "/k.pem", serverName: "other.example", verifies: false),
                connectTimeout: .milliseconds(500), commandTimeout: .seconds(120), maximumPending: 10, claimInterval: .seconds(7),
                group: "billing", consumer: "c 1", deadLetters: .topicSuffix(".dlq"),
                retention: RedisRetention(maximumLength: 1000))
            #expect(options == expected)
        }

        @Test("What a URL leaves out has its default")
        func shortURLs() throws {
            #expect(try RedisOptions(url: "redis://") == RedisOptions())
            #expect(try RedisOptions(url: "REDIS://localhost/") == RedisOptions())
            #expect(try RedisOptions(url: "rediss://") == RedisOptions(tls: RedisTLS()))
            #expect(try RedisOptions(url: "redis://:secret@") == RedisOptions(password: "secret"))
            #expect(try RedisOptions(url: "redis://h?dead-letters=").deadLetters == .drop)
            #expect(try RedisOptions(url: "redis://h/?db=4").database == 4)
        }

        @Test(
            "Hosts are names, addresses, and lists of both",
            arguments: [
                ("redis://[::1]:7000", [.tcp(host: "::1", port: 7000)]), ("redis://[fe80::1]", [.tcp(host: "fe80::1")]),
                ("redis://127.0.0.1:1/0", [.tcp(host: "127.0.0.1", port: 1)]), ("redis://h:", [.tcp(host: "h")]),
                ("redis://a,b:7,[::1]:8/0", [.tcp(host: "a"), .tcp(host: "b", port: 7), .tcp(host: "::1", port: 8)]),
                ("unix:///run/redis%20one.sock?db=1", [.unix(path: "/run/redis one.sock")]),
                ("unix://:secret@/run/redis.sock", [.unix(path: "/run/redis.sock")]),
            ] as [(String, [RedisEndpoint])])
        func hosts(_ url: String, _ endpoints: [RedisEndpoint]) throws {
            #expect(try RedisOptions(url: url).endpoints == endpoints)
        }

        @Test("Sentinels are asked for a primary")
        func sentinels() throws {
            let options = try RedisOptions(url: "rediss-sentinel://u:p@one,two:1/2?primary=main")
            let expected = RedisSentinels(
                primary: "main", endpoints: [.tcp(host: "one", port: 26379), .tcp(host: "two", port: 1)])
            #expect(options.sentinels == expected)
            #expect(options.tls == RedisTLS())
            #expect(options.database == 2)
            #expect("\(options)" == "Redis at one:26379,two:1, primary 'main', database 2, TLS")
        }

        @Test(
            "A bad URL is refused, and the error names part, value and bound",
            arguments: [
                ("localhost", "url is text without ':'"),
                ("localhost:6379", "scheme is 'localhost'"), ("redis:h", "url is text without '//'"),
                ("http://h", "scheme is 'http'"), ("redis://h:0", "port is '0'"),
                ("redis://h:65536", "port is '65536', it must be 1 to 65535"), ("redis://h:x", "port is not shown"),
                ("redis://::1", "host is '::1'"), ("redis://[::1", "host is '[::1'"), ("redis://[::1]x", "host is not shown"),
                ("redis://a,,b", "host is ''"), ("redis://:1", "host is ':1'"), ("redis://h/x", "database is 'x'"),
                ("redis://h/-1", "database is '-1'"), ("redis://h/1?db=2", "db is given in path and query"),
                ("redis://h?what=1", "query is 'what'"), ("redis://h?ca=/x", "query is 'ca'"),
                ("redis://h?primary=x", "query is 'primary'"),
                ("redis://h?group=a&group=b", "group is given twice"), ("redis://h?group=", "group is \"\""),
                ("redis://h?connect-timeout=soon", "connect-timeout is 'soon'"),
                ("redis://h?claim-interval=0", "claim-interval is '0'"),
                ("redis://h?claim-interval=99999999999999999999s", "claim-interval is"),
                ("redis://h?maximum-pending=0", "maximum-pending is '0'"),
                ("redis://h?name=a%20b", "name is 'a b'"), ("redis://h?name=%zz", "name is '%zz'"),
                ("redis://user@h", "password is nil, it must be given"), ("redis://h/0#x", "fragment is"),
                ("redis-sentinel://h", "primary is nil"), ("unix://host/path", "host is 'host'"), ("unix://", "path is \"\""),
                ("rediss://h?verify=maybe", "verify is 'maybe'"), ("rediss://h?cert=/c", "tls.keyFile is nil"),
                ("unix:///" + String(repeating: "x", count: 103), "at most 103 bytes"),
            ])
        func badURLs(_ url: String, _ part: String) {
            let error = #expect(throws: MillraceError.self) { _ = try RedisOptions(url: url) }
            #expect(error?.code == .invalidOption)
            #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
            #expect(error?.message.contains("it must be") == true)
        }

        @Test(
            "No error shows the password, however badly it is written",
            arguments: [
                "redis://u:geheim", "redis://:geheim", "redis://[u:geheim", "redis://[::1]geheim", "redis://u:ge:geheim",
                "redis://h,u:geheim",
                "redis://u:geheim/nis@h", "redis://u:geheim?nis@h", "redis://u:geheim#nis@h", "redis://u:geheim%zz@h",
                "redis://me@x:geheim/1@h", "redis://:geheim@h:port", "redis://u:geheim@h/db", "u:geheim@h", "redis://geheim%zz@h",
                "u:geheim://h", "redis://u:1/geheim@h", "redis://u:1?geheim=1@h", "redis://u:1/2?name=geheim nis@h",
                "unix://u:geheim@h/p",
                "redis://u:geheim@h?what=1", "redis://u:1/0?connect-timeout=geheim@h",
            ])
        func passwordStaysHidden(_ url: String) {
            let error = #expect(throws: MillraceError.self) { _ = try RedisOptions(url: url) }
            #expect(error?.code == .invalidOption)
            #expect(error?.description.contains("geheim") == false)
        }

        @Test("A password can come from a file or a variable, that of the Sentinels too")
        func secretsFromOutside() throws {
            let folder = try TemporaryFolder()
            try folder.write("in a file\n", to: "secret")
            let text = "redis-sentinel://u@h?primary=p&password-env=PASSWORD&sentinel-password-file=\(folder.file("secret"))"
            let options = try RedisOptions(url: TransportURL(text, environment: ["PASSWORD": "in a variable"]))
            #expect(options.password == "in a variable")
            #expect(options.sentinels?.password == "in a file")
        }

        @Test("The options that help shows are those that a URL takes")
        func documentedOptions() throws {
            let error = #expect(throws: MillraceError.self) {
                _ = try RedisOptions(url: "rediss-sentinel://h?primary=p&gruop=x")
            }
            let message = error?.message ?? ""
            #expect(message.contains("query is 'gruop'"))
            #expect(message.contains("did you mean 'group'?"))
            let listed = message.components(separatedBy: "Known: ").last?.components(separatedBy: ", ") ?? []
            // A password can stand in a URL, but is not recommended.
            let documented = TransportFactory.redis.options.map(\.name) + ["password", "sentinel-password"]
            #expect(Set(listed) == Set(documented))
            #expect(documented.count == Set(documented).count)
            let document = try String(
                contentsOf: URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                    .deletingLastPathComponent().appending(path: "Docs/redis.md"), encoding: .utf8)
            for option in TransportFactory.redis.options { #expect(document.contains("`\(option.name)`"), "\(option.name)") }
        }

        @Test("No description and no dump shows the password")
        func descriptions() throws {
            let options = try RedisOptions(url: "redis://u:geheim@h/1")
            var dumped = ""
            dump(options, to: &dumped)
            dump([options], to: &dumped)
            for text in ["\(options)", options.debugDescription, "\([options])", String(reflecting: options), dumped] {
                #expect(!text.contains("geheim"))
                #expect(text.contains("Redis at h:6379, database 1"))
            }
        }

        @Test("Every option has its bound")
        func bounds() {
            let bad: [(String, RedisOptions)] = [
                ("endpoints is []", change { $0.endpoints = [] }),
                ("endpoints[1].host", change { $0.endpoints.append(.tcp(host: "a b")) }),
                ("endpoints[0].port is 0", change { $0.endpoints = [.tcp(host: "h", port: 0)] }),
                ("endpoints[0].path", change { $0.endpoints = [.unix(path: "relative")] }),
                ("when tls is given", change { ($0.endpoints, $0.tls) = ([.unix(path: "/p")], RedisTLS()) }),
                ("username", change { ($0.username, $0.password) = ("", "p") }),
                ("password is nil", change { $0.username = "u" }), ("password is empty", change { $0.password = "" }),
                ("database is -1", change { $0.database = -1 }), ("clientName", change { $0.clientName = "zwei Wörter" }),
                ("clientName", change { $0.clientName = "" }), ("tls.caFile", change { $0.tls = RedisTLS(caFile: "") }),
                ("tls.certificateFile is nil", change { $0.tls = RedisTLS(keyFile: "/k") }),
                ("tls.serverName", change { $0.tls = RedisTLS(serverName: "") }),
                ("sentinels.primary", change { $0.sentinels = RedisSentinels(primary: "", endpoints: [.tcp(host: "h")]) }),
                ("sentinels.endpoints is []", change { $0.sentinels = RedisSentinels(primary: "p", endpoints: []) }),
                (
                    "sentinels.endpoints[0]",
                    change { $0.sentinels = RedisSentinels(primary: "p", endpoints: [.unix(path: "/p")]) }
                ),
                ("connectTimeout", change { $0.connectTimeout = .zero }),
                ("commandTimeout", change { $0.commandTimeout = .zero }),
                ("claimInterval", change { $0.claimInterval = .microseconds(999) }),
                ("maximumPending is 0", change { $0.maximumPending = 0 }),
                ("retention.maximumLength is 0", change { $0.retention.maximumLength = 0 }),
                ("retention.maximumAge is 0.0 seconds", change { $0.retention.maximumAge = .zero }),
                ("retention.interval is 0.0 seconds", change { $0.retention.interval = .zero }),
                (
                    "sentinels.password is nil",
                    change { $0.sentinels = RedisSentinels(primary: "p", endpoints: [.tcp(host: "h")], username: "u") }
                ),
                ("group", change { $0.group = "a\nb" }),
                ("consumer", change { $0.consumer = String(repeating: "x", count: 250) }),
                ("deadLetters", change { $0.deadLetters = .topicSuffix("") }),
            ]
            for (part, options) in bad {
                let error = #expect(throws: MillraceError.self, "\(part)") { try options.validate() }
                #expect(error?.code == .invalidOption)
                #expect(error?.message.hasPrefix("RedisOptions: ") == true)
                #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
            }
            #expect(throws: Never.self) { try RedisOptions().validate() }
        }
    }
}
