/// Which version of Millrace this is, by Semantic Versioning.
///
/// Not `Millrace.version`: a type that is named like its module hides it, so that nobody could write `Millrace.Message` any more.
public enum MillraceRelease {
    /// The first number: it rises with changes that break code. While it is 0, the second one does.
    public static let major = 0
    /// The second number: it rises with what is new.
    public static let minor = 1
    /// The third number: it rises with what is mended.
    public static let patch = 0

    /// The version as text: `0.1.0`. It is changed by a release, so that sources between two of them have that of the one before. Those
    /// before the first have its version.
    public static let version = "\(major).\(minor).\(patch)"
}
