-- writer, fence, number, lines, redactions, gaps, count, entries, stages: a batch, landing whole or not at all.
-- `entries` is one flat MessagePack array: runs of plain lines, each run its length, source, phase or '', and a time and a
-- text for each line; and among them other entries, each a 0, the number of its fields' names and values, and these.
-- `stages` is empty or "phase started duration exit" per stage.
local id, fence, number = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local answer = 'a:' .. int(number % ANSWERS) .. ':' .. id
local state, head, held_from, unused, replid, lines, redactions, gaps, known, answered =
  unpack(call('HMGET', RECORD, 'state', 'head', 'held_from', 'unused', 'replid', 'lines', 'redactions', 'gaps',
    'w:' .. id, answer))
if not state then
  return { NO_SUCH_JOB }
end
if state == 'erased' then
  return { ERASED }
end
local expected = 1
if known then
  local holder, next = string.match(known, '^(%d+) (%d+)')
  expected = tonumber(next)
  holder = tonumber(holder)
  -- A newer fence than the store knows was given by a primary that is gone, and with it whoever had the slot before.
  if fence < holder or (fence > holder and not unused) then
    return { state == 'ended' and ENDED or FENCED }
  end
elseif not unused then
  return { state == 'ended' and ENDED or FENCED }
end
if number < expected and answered then
  local of, first, last = string.match(answered, '^(%d+) (%d+) (%d+)$')
  if tonumber(of) == number then
    return { OK, tonumber(first), tonumber(last) }
  end
end
if state == 'ended' then
  return { ENDED }
end
if number ~= expected then
  return { BEHIND, expected }
end

local changed = {}
local first = place(tonumber(head), tonumber(held_from), unused, replid, changed) + 1
local last = first + tonumber(ARGV[9]) - 1
-- An id that is whole, as in '7-0', is half a microsecond cheaper a line than one the server has to complete.
local entries, at, seq, format = cmsgpack.unpack(ARGV[10]), 1, first, string.format
while seq <= last do
  local run = entries[at]
  if run == 0 then
    local fields = entries[at + 1]
    call('XADD', LOG, format('%d-0', seq), unpack(entries, at + 2, at + 1 + fields))
    at, seq = at + 2 + fields, seq + 1
  else
    local source, phase = entries[at + 1], entries[at + 2]
    at = at + 3
    for place = seq, seq + run - 1 do
      if phase == '' then
        call('XADD', LOG, format('%d-0', place), 'ts', entries[at], source, entries[at + 1])
      else
        call('XADD', LOG, format('%d-0', place), 'ts', entries[at], source, entries[at + 1], 'phase', phase)
      end
      at = at + 2
    end
    seq = seq + run
  end
end

local time = now()
if ARGV[11] ~= '' then
  local order, phases = {}, {}
  local function note(phase, started, duration, exit)
    local before = phases[phase]
    if not before then
      order[#order + 1] = phase
    end
    -- The end of a command that is known keeps the start it was given.
    if before and duration ~= '-' then
      started = before[1]
    end
    phases[phase] = { started, duration, exit }
  end
  local stage = '(%S+) (%S+) (%S+) (%S+);'
  for phase, started, duration, exit in string.gmatch(call('HGET', RECORD, 'phases') or '', stage) do
    note(phase, started, duration, exit)
  end
  for phase, started, duration, exit in string.gmatch(ARGV[11], stage) do
    note(phase, started, duration, exit)
  end
  local text = {}
  for index, phase in ipairs(order) do
    text[index] = phase .. ' ' .. table.concat(phases[phase], ' ') .. ';'
  end
  changed[#changed + 1] = 'phases'
  changed[#changed + 1] = table.concat(text)
end
if state == 'silent' then
  changed[#changed + 1] = 'state'
  changed[#changed + 1] = 'running'
end
call('HSET', RECORD, 'head', last, 'lines', lines + ARGV[6], 'redactions', redactions + ARGV[7], 'gaps', gaps + ARGV[8],
  'w:' .. id, ARGV[4] .. ' ' .. int(number + 1) .. ' ' .. int(time),
  answer, ARGV[5] .. ' ' .. int(first) .. ' ' .. int(last), 'touched', time, unpack(changed))
wake(last)
return { OK, first, last }
