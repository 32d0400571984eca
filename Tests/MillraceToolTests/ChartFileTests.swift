import Foundation
import Millrace
import Testing

@testable import MillraceTool

/// What is wrong with a file of figures is said with its name.
@Suite struct ChartFileTests {
    @Test(arguments: [
        ("[", "it is no JSON"), ("[]", "the whole is no "), ("{}", "is missing"),
        (
            #"{"url":"x","system":"a","isOptimized":true,"processors":1,"tasks":1,"batch":1,"rate":1,"rows":[{"scenario":7}]}"#,
            "rows[0].scenario is no String"
        ),
    ]) func whatIsNoReportIsRefused(_ json: String, _ reason: String) {
        let error = #expect(throws: MillraceError.self) { try ChartFile<BenchReport>("some/report.json", Data(json.utf8)) }
        #expect(error?.message.hasPrefix("some/report.json: ") == true)
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }

    @Test func aFileThatIsNotThereIsNamed() {
        let error = #expect(throws: MillraceError.self) { try ChartFile<BenchReport>("/nowhere/report.json") }
        #expect(error?.message == "/nowhere/report.json: there is no such file, or it can't be read")
    }

    @Test(arguments: ["", "../redis", "a b", "ö"]) func aSystemHasToBeAName(_ system: String) {
        refuses(Figures.report(system, rows: [Figures.row("publish", 64, [1])]), "system is '\(system)'")
    }

    @Test(arguments: [-1.0, 1e13]) func aRateIsBounded(_ rate: Double) {
        refuses(Figures.report(rows: [Figures.row("publish", 64, [rate])]), "rows[0].messagesPerSecond is \(rate)")
    }

    @Test func timesAndTheirRateAreBounded() throws {
        let rows = [Figures.row("publish", 64, [1]), Figures.row("latency", 64, [1], latency: [1_000])]
        var json = try Figures.report(rows: rows).json()
        json.replace("\"rate\" : 2000", with: "\"rate\" : \(Int.max)")
        let rate = #expect(throws: MillraceError.self) {
            _ = try ChartBuilder.charts([ChartFile("report.json", Data(json.utf8))], [])
        }
        #expect(rate?.message == "report.json: rate is \(Int.max), it must be 0 to 1000000000000")
        json = try Figures.report(rows: rows).json().replacing(#/"p50" : [0-9.]+/#, with: "\"p50\" : 1e300")
        let time = #expect(throws: MillraceError.self) {
            _ = try ChartBuilder.charts([ChartFile("report.json", Data(json.utf8))], [])
        }
        #expect(time?.message == "report.json: rows[1].latencyMicroseconds has 1e+300, it must be 0 to 1000000000000.0")
    }

    @Test func aReportWithoutRatesIsRefused() { refuses(Figures.report(rows: []), "rows has none") }

    @Test func theSameFiguresTwiceAreRefused() throws {
        let file = try Figures.file(Figures.report(rows: [Figures.row("publish", 64, [1])]))
        let error = #expect(throws: MillraceError.self) { _ = try ChartBuilder.charts([file, file], []) }
        #expect(error?.message.contains("publish of 64 bytes is in report.json as well") == true)
    }

    @Test(arguments: [
        ("[]", "limits[0].rates is empty"), ("[1, 0]", "limits[0].rates has 0.0"),
        ("[1e13]", "limits[0].rates has 10000000000000.0"),
    ])
    func limitsAreBounded(_ rates: String, _ reason: String) throws {
        let text = #"{"transport":"redis","limits":[{"scenario":"publish","size":64,"name":"n","rates":\#(rates)}]}"#
        let limits = try ChartFile<BenchLimits>("limits.json", Data(text.utf8))
        let report = try Figures.file(Figures.report(rows: [Figures.row("publish", 64, [1])]))
        let error = #expect(throws: MillraceError.self) { _ = try ChartBuilder.charts([report], [limits]) }
        #expect(error?.message.hasPrefix("limits.json: \(reason)") == true, "\(error?.message ?? "")")
    }

    @Test func limitsOfAnotherTransportAreRefused() throws {
        let limits = try ChartFile<BenchLimits>("limits.json", Data(#"{"transport":"nats","limits":[]}"#.utf8))
        let report = try Figures.file(Figures.report(rows: [Figures.row("publish", 64, [1])]))
        let error = #expect(throws: MillraceError.self) { _ = try ChartBuilder.charts([report], [limits]) }
        #expect(error?.message == "limits.json: transport is 'nats', it must be one of redis")
    }

    /// From the shell: figures of a run that has just been made.
    @Test func drawsWhatBenchHasPrinted() async throws {
        let folder = try TemporaryFolder()
        let bench = try await ToolProcess.run(
            "bench", "--quick", "--count=500", "--url=memory:", "-s", "publish", "-s", "latency", "--format=json", "--label=here")
        #expect(bench.code == 0, "\(bench.errors)")
        try bench.output.write(toFile: folder.file("memory.json"), atomically: true, encoding: .utf8)
        let chart = try await ToolProcess.run("chart", folder.file("memory.json"), "--output", folder.file("charts"))
        #expect(chart.code == 0, "\(chart.errors)")
        #expect(chart.output == folder.file("charts/memory.svg") + "\n")
        let drawing = try Drawing(try String(contentsOfFile: folder.file("charts/memory.svg"), encoding: .utf8))
        #expect(drawing.texts.contains("In memory (here): messages of 64 bytes"))
        #expect(drawing.texts.contains("publish"))
    }

    @Test func saysWhichFileItCannotRead() async throws {
        let folder = try TemporaryFolder()
        try "{".write(toFile: folder.file("bad.json"), atomically: true, encoding: .utf8)
        let result = try await ToolProcess.run("chart", folder.file("bad.json"))
        #expect(result.code == 1)
        #expect(result.errors == "millrace chart: \(folder.file("bad.json")): it is no JSON\n")
    }

    private func refuses(_ report: BenchReport, _ reason: String) {
        let error = #expect(throws: MillraceError.self) { _ = try ChartBuilder.charts([try Figures.file(report)], []) }
        #expect(error?.message.hasPrefix("report.json: \(reason)") == true, "\(error?.message ?? "")")
    }
}
