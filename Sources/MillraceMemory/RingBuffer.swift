/// A queue in a circle of memory that grows by doubling: constant time at both ends, no allocation once it has its size.
struct RingBuffer<Element>: ~Copyable {
    private var base: UnsafeMutablePointer<Element>
    private var capacity: Int
    private var head = 0
    /// How many elements there are.
    private(set) var count = 0

    /// An empty queue with room for at least `minimumCapacity` elements.
    init(minimumCapacity: Int = 16) {
        capacity = 2
        while capacity < minimumCapacity { capacity *= 2 }
        base = .allocate(capacity: capacity)
    }

    deinit {
        let first = min(count, capacity - head)
        (base + head).deinitialize(count: first)
        base.deinitialize(count: count - first)
        base.deallocate()
    }

    var isEmpty: Bool { count == 0 }

    /// The oldest element.
    var first: Element? { count == 0 ? nil : base[head] }

    @inline(__always)
    mutating func append(_ element: consuming Element) {
        if count == capacity { grow() }
        (base + ((head &+ count) & (capacity &- 1))).initialize(to: element)
        count &+= 1
    }

    @inline(__always)
    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = (base + head).move()
        head = (head &+ 1) & (capacity &- 1)
        count &-= 1
        return element
    }

    /// Puts `element` before the first element that `isAfter` accepts; the queue is sorted by that test.
    mutating func insert(_ element: consuming Element, before isAfter: (borrowing Element) -> Bool) {
        var shifted = 0
        while shifted < count, isAfter(base[index(count - 1 - shifted)]) { shifted += 1 }
        append(element)
        for offset in 0..<shifted {
            let to = index(count - 1 - offset)
            let from = index(count - 2 - offset)
            let moved = (base + to).move()
            (base + to).initialize(to: (base + from).move())
            (base + from).initialize(to: moved)
        }
    }

    private func index(_ offset: Int) -> Int { (head &+ offset) & (capacity &- 1) }

    @inline(never)
    private mutating func grow() {
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
        let first = min(count, capacity - head)
        larger.moveInitialize(from: base + head, count: first)
        (larger + first).moveInitialize(from: base, count: count - first)
        base.deallocate()
        base = larger
        head = 0
        capacity *= 2
    }
}
