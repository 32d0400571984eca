/// What has to be done in one step on the server, in its language.
enum RedisScript {
    /// Which messages are in a stream, from an entry on: `KEYS[1]` the stream, `ARGV[1]` the entry, `ARGV[2]` how many entries to
    /// look at, `ARGV[3]` how many bytes of what may be one of the messages count as an entry more, then for each message its id and
    /// the digest of its entry. Returns the numbers of those that were found, from 1.
    static let arrived: StaticString = #"""
        local wanted, found, missing = {}, {}, (#ARGV - 3) / 2
        for index = 4, #ARGV, 2 do
          local digests = wanted[ARGV[index]] or {}
          local numbers = digests[ARGV[index + 1]] or {}
          numbers[#numbers + 1] = (index - 2) / 2
          digests[ARGV[index + 1]] = numbers
          wanted[ARGV[index]] = digests
        end
        local from, left, perEntry = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
        local function digest(fields)
          local parts, size = {}, 0
          for _, text in ipairs(fields) do
            size = size + #text
            parts[#parts + 1] = '$' .. #text .. '\r\n'
            parts[#parts + 1] = text
            parts[#parts + 1] = '\r\n'
          end
          left = left - size / perEntry
          return left > 0 and redis.sha1hex(table.concat(parts))
        end
        while left > 0 and missing > 0 do
          local entries = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 100)
          for _, entry in ipairs(entries) do
            local digests
            for field = 1, #entry[2], 2 do
              digests = digests or entry[2][field] == '_watermill_message_uuid' and wanted[entry[2][field + 1]]
            end
            local numbers = digests and left > 0 and digests[digest(entry[2])]
            if numbers and #numbers > 0 then
              found[#found + 1] = table.remove(numbers, 1)
              missing = missing - 1
            end
          end
          if #entries < 100 then break end
          from, left = '(' .. entries[#entries][1], left - #entries
        end
        return found
        """#

    /// Acknowledges entries and deletes those that no other group has still to handle: `KEYS[1]` the stream, `ARGV[1]` the group,
    /// then the ids.
    static let acknowledgeAndDelete: StaticString = """
        local function isLater(a, b)
          local am, as = string.match(a, '(%d+)-(%d+)')
          local bm, bs = string.match(b, '(%d+)-(%d+)')
          if am ~= bm then return #am > #bm or #am == #bm and am > bm end
          return #as > #bs or #as == #bs and as > bs
        end
        redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, 2))
        local others = {}
        for _, fields in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
          local group = {}
          for field = 1, #fields, 2 do group[fields[field]] = fields[field + 1] end
          if group['name'] ~= ARGV[1] then others[#others + 1] = group end
        end
        for index = 2, #ARGV do
          local isDone = true
          for _, group in ipairs(others) do
            if isLater(ARGV[index], group['last-delivered-id'])
              or #redis.call('XPENDING', KEYS[1], group['name'], ARGV[index], ARGV[index], 1) > 0 then
              isDone = false
              break
            end
          end
          if isDone then redis.call('XDEL', KEYS[1], ARGV[index]) end
        end
        return #ARGV - 1
        """

    /// Takes members off a group that have nothing and have not been heard of for a long time: `KEYS[1]` the stream, `ARGV[1]` the
    /// group, `ARGV[2]` for how many milliseconds. Only members of Millrace, whose names end with their lease.
    static let removeStale: StaticString = """
        local removed = {}
        for _, fields in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
          local member = {}
          for field = 1, #fields, 2 do member[fields[field]] = fields[field + 1] end
          if member['pending'] == 0 and member['idle'] >= tonumber(ARGV[2]) and string.match(member['name'], '~%d+$') then
            redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], member['name'])
            removed[#removed + 1] = member['name']
          end
        end
        return removed
        """

    /// Takes a member off a group if it has nothing: `KEYS[1]` the stream, `ARGV[1]` the group, `ARGV[2]` the member. What a member
    /// has goes with it, so that looking and taking off must be one step. Returns whether it was taken off.
    static let leave: StaticString = """
        if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
        return 1
        """
}
