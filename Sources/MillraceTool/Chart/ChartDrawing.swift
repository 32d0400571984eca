/// Draws a chart as SVG.
struct ChartDrawing {
    let chart: Chart
    private let scale: ChartScale
    private let lines: [String]

    // All in pixels.
    static let width = 880.0
    private static let margin = 24.0
    /// Where the bars begin, and where they end at most.
    static let left = 136.0
    static var right: Double { width - 168 }
    private static let bar = 15.0
    private static let pitch = 22.0
    private static let gap = 14.0
    private static let line = 17.0

    init(_ chart: Chart) {
        self.chart = chart
        scale = ChartScale(upTo: chart.highest)
        lines = chart.notes.flatMap { Self.wrapped($0, to: 128) }
    }

    /// The length of a bar.
    func length(_ value: Double) -> Double { scale.position(value, in: Self.right - Self.left) }

    private var hasLegend: Bool { chart.series.count > 1 || chart.hasLimits }
    private var top: Double { hasLegend ? 112 : 88 }
    private var bottom: Double {
        chart.groups.reduce(top) { $0 + Double($1.bars.count) * Self.pitch + Self.gap }
    }
    var height: Double { bottom + 58 + (lines.isEmpty ? 0 : Double(lines.count) * Self.line + 8) }

    var svg: String {
        var svg = SVGText()
        svg.add(
            "svg",
            [
                "xmlns": "http://www.w3.org/2000/svg", "viewBox": "0 0 \(SVGText.number(Self.width)) \(SVGText.number(height))",
                "width": Self.width, "height": height, "role": "img", "aria-labelledby": "title desc",
            ]
        ) { svg in
            svg.add("title", ["id": "title"], chart.title)
            svg.add("desc", ["id": "desc"], chart.groups.flatMap(\.bars).map(\.description).joined(separator: ". "))
            svg.add("style", [:], ChartStyle.text)
            svg.add(
                "rect",
                ["class": "paper", "x": 0.5, "y": 0.5, "width": Self.width - 1, "height": height - 1, "rx": 8])
            svg.add("text", ["class": "title", "x": Self.margin, "y": 36], chart.title)
            svg.add("text", ["class": "muted small", "x": Self.margin, "y": 57], chart.caption)
            if hasLegend { legend(&svg) }
            axis(&svg)
            bars(&svg)
            for (index, text) in lines.enumerated() {
                svg.add(
                    "text", ["class": "muted small", "x": Self.margin, "y": bottom + 62 + Double(index) * Self.line], text)
            }
        }
        return svg.text
    }

    // MARK: Parts

    private func legend(_ svg: inout SVGText) {
        var x = Self.margin
        func entry(_ svg: inout SVGText, _ type: String, _ name: String) {
            svg.add("rect", ["class": type, "x": x, "y": 71, "width": 12, "height": 12, "rx": 2])
            if type == "track" { svg.add("path", ["class": "limit", "d": "M\(SVGText.number(x + 12)) 69V85"]) }
            svg.add("text", ["class": "muted", "x": x + 19, "y": 81], name)
            // About what the text takes.
            x += 40 + Double(name.count) * 6.9
        }
        for (index, name) in chart.series.enumerated() { entry(&svg, type(index), name) }
        if chart.hasLimits { entry(&svg, "track", "the raw client") }
    }

    private func axis(_ svg: inout SVGText) {
        let from = SVGText.number(top - 10), to = SVGText.number(bottom)
        for tick in scale.ticks {
            let x = Self.left + length(tick)
            svg.add("path", ["class": tick == 0 ? "axis" : "grid", "d": "M\(SVGText.number(x)) \(from)V\(to)"])
            svg.add(
                "text", ["class": "muted small number", "x": x, "y": bottom + 17, "text-anchor": "middle"], ChartNumber.text(tick)
            )
        }
        svg.add(
            "text",
            ["class": "muted small", "x": (Self.left + Self.right) / 2, "y": bottom + 36, "text-anchor": "middle"],
            "messages per second")
    }

    private func bars(_ svg: inout SVGText) {
        var y = top
        for group in chart.groups {
            let height = Double(group.bars.count) * Self.pitch
            svg.add(
                "text",
                ["class": "name", "x": Self.left - 14, "y": y + height / 2 + 1, "text-anchor": "end"], group.name)
            for bar in group.bars {
                svg.add("g") { svg in draw(bar, y, &svg) }
                y += Self.pitch
            }
            y += Self.gap
        }
    }

    private func draw(_ bar: Chart.Bar, _ y: Double, _ svg: inout SVGText) {
        svg.add("title", [:], bar.description)
        let middle = SVGText.number(y + Self.bar / 2)
        if let limit = bar.limit {
            let end = Self.left + length(limit.median)
            svg.add(
                "rect", ["class": "track", "x": Self.left, "y": y, "width": length(limit.median), "height": Self.bar])
            svg.add("path", ["class": "limit", "d": "M\(SVGText.number(end)) \(SVGText.number(y - 2.5))v20"])
        }
        svg.add(
            "rect",
            [
                "class": type(bar.series), "x": Self.left, "y": y + 2, "width": length(bar.rate.median),
                "height": Self.bar - 4, "rx": 1.5,
            ])
        if bar.rate.lowest < bar.rate.highest {
            let from = SVGText.number(Self.left + length(bar.rate.lowest))
            let to = SVGText.number(Self.left + length(bar.rate.highest))
            let path = "M\(from) \(SVGText.number(y + 4))v7M\(from) \(middle)H\(to)M\(to) \(SVGText.number(y + 4))v7"
            svg.add("path", ["class": "halo", "d": path])
            svg.add("path", ["class": "whisker", "d": path])
        }
        values(bar, y + 12, &svg)
    }

    /// The numbers, in columns behind the bars.
    private func values(_ bar: Chart.Bar, _ y: Double, _ svg: inout SVGText) {
        svg.add(
            "text", ["class": "value number", "x": Self.right + 64, "y": y, "text-anchor": "end"],
            ChartNumber.text(bar.rate.median))
        guard let limit = bar.limit else { return }
        svg.add(
            "text", ["class": "muted number", "x": Self.right + 72, "y": y], "of \(ChartNumber.text(limit.median))")
    }

    private func type(_ series: Int) -> String { ChartStyle.bar(series, of: chart.series.count) }

    /// Words in lines of about so many characters.
    static func wrapped(_ text: String, to width: Int) -> [String] {
        var lines = [""]
        for word in text.split(separator: " ") {
            let line = lines[lines.count - 1]
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(String(word))
            } else {
                lines[lines.count - 1] = line.isEmpty ? String(word) : "\(line) \(word)"
            }
        }
        return lines
    }
}
