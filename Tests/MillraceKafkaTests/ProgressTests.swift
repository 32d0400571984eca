import Millrace
import Testing

@testable import MillraceKafka

extension KafkaTests {
    @Suite("Progress in a partition") struct Progress {
        @Test("rises to the lowest message that is not done") func low() {
            var progress = PartitionProgress(from: 10)
            for offset: Int64 in 10..<15 { #expect(progress.arrive(offset) == 1) }
            #expect(progress.commit() == nil)
            progress.finish(12)
            progress.finish(11)
            var commit = progress.commit()
            #expect(commit?.offset == 10 && commit?.note.done == [11...12])
            #expect(progress.commit() == nil)
            progress.finish(10)
            commit = progress.commit()
            #expect(commit?.offset == 13 && commit?.note.done == [])
            progress.finish(14)
            progress.finish(13)
            #expect(progress.commit()?.offset == 15)
            #expect(!progress.finish(13) && !progress.finish(99))
        }

        @Test("passes over offsets that are not there") func gaps() {
            var progress = PartitionProgress(from: nil)
            for offset: Int64 in [3, 7, 9] { #expect(progress.arrive(offset) == 1) }
            progress.finish(3)
            #expect(progress.commit()?.offset == 7)
            for offset: Int64 in [9, 7] { progress.finish(offset) }
            #expect(progress.commit()?.offset == 10)
        }

        @Test("begins anew when the partition does") func anew() {
            var progress = PartitionProgress(from: 1_000, CommitNote("millrace1 done=2", at: 1_000))
            var attempts = (Int64(1_000)..<1_004).map { progress.arrive($0) }
            #expect(attempts == [1, 1, nil, 1])
            progress.finish(1_000)
            attempts = (Int64(0)..<3).map { progress.arrive($0) }
            #expect(attempts == [1, 1, 1])
            // It was handed out before.
            progress.finish(1_001)
            progress.finish(0)
            #expect(progress.commit()?.offset == 1)
            attempts = (Int64(3)..<1_005).map { progress.arrive($0) }
            #expect(attempts.allSatisfy { $0 == 1 })
        }

        @Test("takes what was in hand when it began anew for gone, also where there is another message by now") func outlived() {
            var progress = PartitionProgress(from: 3)
            for offset: Int64 in 3..<6 { _ = progress.arrive(offset) }
            for offset: Int64 in 0..<5 { #expect(progress.arrive(offset) == 1) }
            #expect(progress.beginnings == 1)
            for offset: Int64 in 0..<3 { progress.finish(offset) }
            // One of two with the same offset: nobody can tell which.
            #expect(progress.isOpen(4) && progress.finish(4))
            #expect(progress.commit()?.offset == 3)
            progress.finish(3)
            #expect(progress.commit() == nil)
            for offset: Int64 in 3..<5 { progress.finish(offset) }
            #expect(progress.commit()?.offset == 5)
            // Gone, and in nobody's way.
            #expect(progress.isOpen(5) && progress.finish(5) && !progress.isOpen(5))
            #expect(progress.commit() == nil)
        }

        @Test("begins anew above what is done only when the partition ends below what was read") func tail() {
            var progress = PartitionProgress(from: 0)
            for offset: Int64 in 0..<10 { _ = progress.arrive(offset) }
            #expect(progress.arrive(4) == nil && progress.arrive(4, end: 10) == nil && progress.beginnings == 0)
            #expect(progress.arrive(4, end: 9) == 1 && progress.beginnings == 1)
            #expect(progress.arrive(4, end: 9) == nil && progress.arrive(5, end: 9) == 1)
        }

        @Test("goes on where another member was") func restored() {
            var first = PartitionProgress(from: 100)
            for offset: Int64 in 100..<110 { _ = first.arrive(offset) }
            for offset: Int64 in [101, 102, 105] { first.finish(offset) }
            first.note(attempts: 2, at: 100)
            first.note(attempts: 1, at: 107)
            let commit = first.commit()
            let text = commit?.note.text(at: 100) ?? ""
            #expect(text == "millrace1 done=1-2,5 tried=0:2,7:1")
            var second = PartitionProgress(from: 100, CommitNote(text, at: 100))
            let attempts = (Int64(100)..<110).map { second.arrive($0) }
            #expect(attempts == [3, nil, nil, 1, 1, nil, 1, 2, 1, 1])
            second.finish(100)
            #expect(second.commit()?.offset == 103)
            // What has not come yet stays noted.
            var third = PartitionProgress(from: 100, CommitNote(text, at: 100))
            _ = third.arrive(100)
            third.finish(100)
            let again = third.commit()
            #expect(again?.offset == 101 && again?.note.done == [101...102, 105...105] && again?.note.attempts == [107: 1])
        }

        @Test("leaves others' notes alone, and keeps its own short") func notes() {
            for text in [
                "", "something", "millrace1", "millrace1 done=", "millrace1 done=x,5-2,-1 tried=1,2", "millrace2 done=1",
            ] {
                #expect(CommitNote(text, at: 5) == CommitNote())
            }
            var note = CommitNote()
            for offset in stride(from: Int64(1), to: 100_000, by: 2) { note.add(done: offset) }
            let text = note.text(at: 0)
            #expect(text.utf8.count <= 3_500)
            #expect(CommitNote(text, at: 0).isDone(1) && !CommitNote(text, at: 0).isDone(2))
        }

        @Test("of a transaction is that of a copy until it is committed") func preview() {
            let partition = KafkaPartition(3, ofTopic: 1)
            let progress = KafkaProgress {}
            progress.add(partition, PartitionProgress(from: 10))
            for offset: Int64 in 10..<20 { _ = progress.arrive(partition, offset) }
            func positions(_ offsets: Int64...) -> [Position] { offsets.map { partition.position(at: $0) } }

            var preview = progress.preview()
            // Those of the last three are done already, have never come, or are somebody else's.
            let wanted = [
                positions(10, 12), positions(11), positions(12), positions(13, 99), [KafkaPartition(4).position(at: 10)],
            ]
            let accepted = wanted.map { preview.finish($0) }
            #expect(accepted == [true, true, false, false, false])
            #expect(preview.commits().map(\.offset) == [13])
            #expect(progress.commit().isEmpty)
            progress.apply(preview)
            #expect(progress.commit().isEmpty)

            var another = progress.preview()
            _ = another.finish(positions(14))
            // What is done meanwhile is committed the next time.
            progress.finish(positions(13))
            progress.apply(another)
            #expect(progress.commit().map(\.offset) == [15])

            // What is gone is done without an offset, and a beginning meanwhile is committed the next time.
            #expect(progress.arrive(partition, 20) == 1 && progress.arrive(partition, 21) == 1)
            var last = progress.preview()
            _ = last.finish(positions(20))
            #expect(progress.arrive(partition, 2) == 1)
            progress.apply(last)
            #expect(progress.commit().map(\.offset) == [2])
            var gone = progress.preview()
            #expect(gone.finish(positions(21)) && gone.commits().isEmpty)
        }

        @Test("of a transaction refuses what can't be noted") func unnoted() {
            let partition = KafkaPartition(0)
            let progress = KafkaProgress {}
            progress.add(partition, PartitionProgress(from: 0))
            for offset: Int64 in 0..<10_000 { _ = progress.arrive(partition, offset) }
            var preview = progress.preview()
            let odd = stride(from: Int64(1), to: 10_000, by: 2).map { partition.position(at: $0) }
            let low = stride(from: Int64(0), to: 200, by: 2).map { partition.position(at: $0) }
            let accepted = [Array(odd.prefix(100)), Array(odd.dropFirst(100)), low].map { preview.finish($0) }
            #expect(accepted == [true, false, true] && preview.commits().map(\.offset) == [200])
        }
    }
}

extension KafkaProgress {
    /// One message has come.
    fileprivate func arrive(_ partition: KafkaPartition, _ offset: Int64) -> Int? {
        var attempt: Int?
        _ = arrive(1, partition: { _ in partition }, offset: { _ in offset }) { attempt = $1 }
        return attempt
    }
}
