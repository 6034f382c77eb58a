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

-- An id is never given to a second line. Another replication id means that this is not the primary that wrote last, or
-- that it was restarted, and either may have lost entries that somebody has seen: ids go on at the next round number.
-- No one loses 100,000 entries to a fail-over, so a head just below a round number goes to the one after.
local function place(head, held_from, unused, known, changed)
  local replid = string.match(call('INFO', 'replication'), 'master_replid:(%x+)')
  if replid == known then
    return head
  end
  local first = (math.floor((head + 100000) / 1000000) + 1) * 1000000
  local span = int(head + 1) .. '-' .. int(first - 1)
  changed[#changed + 1] = 'replid'
  changed[#changed + 1] = replid
  changed[#changed + 1] = 'unused'
  changed[#changed + 1] = unused and unused ~= '' and unused .. ',' .. span or span
  if held_from > head then
    changed[#changed + 1] = 'held_from'
    changed[#changed + 1] = first
  end
  return first - 1
end
