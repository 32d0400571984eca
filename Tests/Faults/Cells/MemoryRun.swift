/// The memory transport's cells.
enum MemoryRun {
    static func run(_ plan: CellPlan, _ folder: String) async throws -> CellResult {
        throw FaultSuiteError("not yet")
    }
}
