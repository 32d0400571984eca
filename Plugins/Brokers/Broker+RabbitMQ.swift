extension Broker {
    /// The program itself: the one in /usr/sbin changes to a user who may not write here.
    private static let server = "/usr/lib/rabbitmq/bin/rabbitmq-server"

    /// A node of its own, with a port mapper of its own, so that it meets no other Erlang on this machine.
    static let rabbitMQ = Broker(
        name: "rabbitmq", variable: "MILLRACE_AMQP_URL", programs: [server, "epmd"], package: "rabbitmq-server"
    ) { starting in
        let ports = try Loopback.freePorts(3)
        try starting.write("listeners.tcp.1 = 127.0.0.1:\(ports[0])\n", to: "rabbitmq.conf")
        try starting.write("[].\n", to: "enabled_plugins")
        // RabbitMQ would start it in the background and leave it behind.
        _ = try starting.run("epmd", ["-address", "127.0.0.1", "-port", "\(ports[2])"])
        try starting.wait(seconds: 10, for: "the port mapper") { Loopback.ask("", port: ports[2]).map { _ in } }
        _ = try starting.run(
            server, [],
            environment: [
                // Where the cookie goes.
                "HOME": starting.folder.path,
                "RABBITMQ_NODENAME": "millrace\(ports[0])@localhost",
                "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_NODE_PORT": "\(ports[0])",
                "RABBITMQ_DIST_PORT": "\(ports[1])",
                "ERL_EPMD_PORT": "\(ports[2])", "ERL_EPMD_ADDRESS": "127.0.0.1",
                "RABBITMQ_MNESIA_BASE": starting.path("mnesia"), "RABBITMQ_LOG_BASE": starting.path("logs"),
                "RABBITMQ_PID_FILE": starting.path("pid"), "RABBITMQ_CONFIG_FILE": starting.path("rabbitmq"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": starting.path("enabled_plugins"), "RABBITMQ_CONF_ENV_FILE": "/dev/null",
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            ])
        _ = try starting.waitForLog(seconds: 90, "Starting broker... completed")
        // What was started is a shell script, which waits for the node. It is the node that ends well when it is asked to.
        try starting.adopt(processOf: "pid")
        return "amqp://guest:guest@127.0.0.1:\(ports[0])"
    }
}
