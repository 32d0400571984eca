extension Duration {
    /// Cut off.
    var wholeMilliseconds: Int { Int(self / .milliseconds(1)) }

    /// Cut off.
    var wholeMicroseconds: Int64 { Int64(self / .microseconds(1)) }
}
