-- What every script begins with. KEYS: the log, the record, the patch. ARGV[1], ARGV[2]: how and where to wake followers.
local LOG, RECORD, PATCH = KEYS[1], KEYS[2], KEYS[3]
local OK, NO_SUCH_JOB, ERASED, ENDED, FENCED, BEHIND, CLAIMED, OTHER_OWNER = 0, 1, 2, 3, 4, 5, 6, 7
-- How many of a writer's last answers are kept, for it to ask again.
local ANSWERS = 16
local call = redis.call

-- Lua's own conversion loses digits from the fifteenth on.
local function int(number)
  return string.format('%.0f', number)
end

local function now()
  local time = call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function wake(head)
  call(ARGV[1], ARGV[2], head or '')
end

local function replication()
  return string.match(call('INFO', 'replication'), 'master_replid:(%x+)')
end

-- The next round number above everything that may have been seen. No one loses 100,000 entries to a fail-over, so a head
-- just below a round number goes to the one after.
local function above(head)
  return (math.floor((head + 100000) / 1000000) + 1) * 1000000
end

local function with_span(unused, first, last)
  local span = int(first) .. '-' .. int(last)
  return unused and unused ~= '' and unused .. ',' .. span or span
end

-- An id is never given to a second line. Another replication id means that this is not the primary that wrote last, or
-- that it was restarted, and either may have lost entries that somebody has seen: ids go on at the next round number.
local function place(head, held_from, unused, known, changed)
  local replid = replication()
  if replid == known then
    return head
  end
  local first = above(head)
  changed[#changed + 1] = 'replid'
  changed[#changed + 1] = replid
  changed[#changed + 1] = 'unused'
  changed[#changed + 1] = with_span(unused, head + 1, first - 1)
  if held_from > head then
    changed[#changed + 1] = 'held_from'
    changed[#changed + 1] = first
  end
  return first - 1
end
