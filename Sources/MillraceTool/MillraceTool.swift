#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The program `millrace`.
@main enum MillraceTool {
    static func main() async {
        let session = Session.standard()
        let code = await Tool.run(Array(CommandLine.arguments.dropFirst()), session)
        exit(code)
    }
}
