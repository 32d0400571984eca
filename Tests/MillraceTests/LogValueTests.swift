@testable import Millrace
import Testing

@Suite struct LogValueTests {
    @Test("A value stays what it is")
    func kinds() {
        #expect(LogValue("text") == .text("text"))
        #expect(LogValue(7) == .int(7))
        #expect(LogValue(UInt8(7)) == .int(7))
        #expect(LogValue(UInt64.max) == .text("18446744073709551615"))
        #expect(LogValue(1.5) == .double(1.5))
        #expect(LogValue(Float(0.5)) == .double(0.5))
        #expect(LogValue(true) == .bool(true))
        #expect(LogValue(Duration.seconds(1)) == .duration(.seconds(1)))
        #expect(LogValue(MessageID("m")) == .text("m"))
        #expect(LogValue(LogValue.int(1)) == .int(1))
    }

    @Test(
        "A duration is told in the unit that people would use",
        arguments: [
            (Duration.zero, "0 ns"), (.nanoseconds(850), "850 ns"), (.nanoseconds(85_300), "85.3 µs"),
            (.milliseconds(97), "97 ms"),
            (.nanoseconds(97_999_999), "97.9 ms"), (.milliseconds(1_250), "1.25 s"), (.milliseconds(1_005), "1 s"),
            (.seconds(59), "59 s"), (.seconds(90), "1.5 min"), (.seconds(5_400), "1.5 h"), (.seconds(-2), "-2 s"),
            (.seconds(3_600 * 1_234), "1234 h"),
        ])
    func durations(_ duration: Duration, text: String) {
        #expect(LogValue.duration(duration).description == text)
    }

    @Test("JSON has numbers where they are numbers")
    func json() {
        let fields: [(String, LogValue)] = [
            ("n", 3), ("x", .double(0.5)), ("odd", .double(.nan)), ("yes", true), ("took", .duration(.milliseconds(97))),
            ("t", "a\"b"),
        ]
        #expect(JSONText.object(fields) == #"{"n":3,"x":0.5,"odd":"nan","yes":true,"took":"97 ms","t":"a\"b"}"#)
    }
}
