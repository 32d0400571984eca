import CMicroHTTPD
import Dispatch
import Millrace

/// The C library's server: one thread that answers GET and HEAD.
final class HTTPServer: @unchecked Sendable {
    // Safe to share: nothing changes once it is made, and the daemon is stopped once, by `stop`.

    let port: Int
    private let daemon: OpaquePointer
    private let context: Unmanaged<Context>

    /// What the C library hands back to us.
    private final class Context: Sendable {
        let answer: @Sendable (String) -> HTTPAnswer
        init(_ answer: @escaping @Sendable (String) -> HTTPAnswer) { self.answer = answer }
    }

    /// Listens, and has `answer` called with the path of each request, on a thread of the server's.
    init(
        host: String, port: Int, connections: Int, timeout: Duration, answer: @escaping @Sendable (String) -> HTTPAnswer
    ) throws {
        let socket = try ListeningSocket(host: host, port: port)
        self.port = socket.port
        context = .passRetained(Context(answer))
        let daemon = millrace_mhd_start(
            socket.descriptor, UInt32(clamping: connections), UInt32(clamping: timeout.components.seconds),
            Self.respond, context.toOpaque())
        guard let daemon else {
            context.release()
            throw MillraceError(.invalidState, "HTTPEndpoint: the server can't be started", isRetriable: true)
        }
        self.daemon = daemon
    }

    /// Closes all connections and waits for the thread.
    func stop() async {
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            DispatchQueue.global().async { [self] in
                MHD_stop_daemon(daemon)
                context.release()
                done.resume()
            }
        }
    }

    /// Called by the C library: once when the headers are there, once for each piece of a body, and once at the end.
    private static let respond: MHD_AccessHandlerCallback = {
        context, connection, path, method, _, uploaded, uploadedCount, request in
        guard let context, let connection, let path, let method else { return millrace_mhd_no }
        guard isReading(String(cString: method)) else {
            // Without reading a body, however long it is: the connection is closed.
            return send(.notAllowed, on: connection)
        }
        if let request, request.pointee == nil {
            // Anything but nil, to know the request again.
            request.pointee = context
            return millrace_mhd_yes
        }
        if let uploadedCount, uploadedCount.pointee > 0 {
            uploadedCount.pointee = 0
            return millrace_mhd_yes
        }
        let answer = Unmanaged<Context>.fromOpaque(context).takeUnretainedValue().answer
        return send(answer(String(cString: path)), on: connection)
    }

    private static func isReading(_ method: String) -> Bool {
        method == MHD_HTTP_METHOD_GET || method == MHD_HTTP_METHOD_HEAD
    }

    private static func send(_ answer: HTTPAnswer, on connection: OpaquePointer) -> MHD_Result {
        var body = answer.body
        let response = body.withUTF8 { millrace_mhd_response($0.count, $0.baseAddress) }
        guard let response else { return millrace_mhd_no }
        defer { MHD_destroy_response(response) }
        _ = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.type)
        _ = MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store")
        if answer.status == 405 { _ = MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") }
        return MHD_queue_response(connection, UInt32(clamping: answer.status), response)
    }
}
