/// An error that says nothing.
package struct Flaky: Error {
    package init() {}
}
