/// Colours and type of a chart, for those who like it light and those who like it dark.
enum ChartStyle {
    private struct Palette {
        let paper, text, muted, grid, track: String
        /// Of the series, from the first on: three shades that rise, and three more.
        let bars: [String]
    }

    private static let light = Palette(
        paper: "#ffffff", text: "#1f2328", muted: "#59636e", grid: "#e4e8ec", track: "#dde2e8",
        bars: ["#80c2ff", "#218bff", "#0550ae", "#2da44e", "#116329", "#8ddb8c"])
    private static let dark = Palette(
        paper: "#0d1117", text: "#e6edf3", muted: "#9198a1", grid: "#21262d", track: "#343b44",
        bars: ["#1f5fbf", "#388bfd", "#a5d6ff", "#3fb950", "#aff5b4", "#238636"])

    /// The class of a series' bars. One or two are not so pale.
    static func bar(_ series: Int, of count: Int) -> String { "bar\((count < 3 ? series + 1 : series) % light.bars.count)" }

    static let text = """
        text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 12px }
        .title { font-size: 17px; font-weight: 600 }
        .name { font-size: 13px; font-weight: 600 }
        .value { font-weight: 600 }
        .small { font-size: 11px }
        .number { font-variant-numeric: tabular-nums }
        \(rules(light))
        @media (prefers-color-scheme: dark) {
        \(rules(dark))
        }
        """

    private static func rules(_ palette: Palette) -> String {
        let bars = palette.bars.enumerated().map { ".bar\($0.offset) { fill: \($0.element) }" }
        return
            ([
                ".paper { fill: \(palette.paper); stroke: \(palette.grid) }",
                ".title, .name, .value { fill: \(palette.text) }",
                ".muted { fill: \(palette.muted) }",
                ".grid { stroke: \(palette.grid) }",
                ".axis { stroke: \(palette.muted) }",
                ".track { fill: \(palette.track) }",
                ".limit { stroke: \(palette.muted); stroke-width: 2 }",
                // With an edge of the paper's colour, which shows on bars as well as beside them.
                ".halo { stroke: \(palette.paper); stroke-width: 3.5; fill: none }",
                ".whisker { stroke: \(palette.text); stroke-width: 1.3; fill: none }",
            ] + bars).joined(separator: "\n")
    }
}
