-- writer, owner, opened, fence, highest place, resends from, next batch, lines, redactions, gaps, phases, at: takes a slot
-- again, and rebuilds what the store has forgotten of the job. See `known.rs`, which is the same for a file.
local id, known_fence, highest, from = ARGV[3], tonumber(ARGV[6]), tonumber(ARGV[7]), math.max(tonumber(ARGV[8]), 1)
local record, time = load(), now()
if not record then
  record = {}
  save(record, { owner = ARGV[4], state = 'running', head = 0, held_from = 1, lines = 0, redactions = 0, gaps = 0,
    opened = ARGV[5], touched = time, replid = replication() })
end
if record.owner ~= ARGV[4] then
  return { OTHER_OWNER }
end
if is_over(record) then
  return { record.state == 'erased' and ERASED or ENDED }
end
local fence, next = writer(record, id)
local forgotten = not fence
local head, held_from, lost = tonumber(record.head), tonumber(record.held_from), tonumber(record.lost_through or 0)
local raised = highest > head
if raised then
  local first, begins = above(highest), head + 1
  if held_from > head then
    if head == 0 and tonumber(ARGV[5]) < tonumber(record.opened) then
      save(record, { opened = ARGV[5] })
    end
    if from > begins then
      save(record, { lost_through = from - 1 })
      begins = from
    end
    save(record, { held_from = first })
  end
  head = first - 1
  save(record, { head = head, unused = with_span(record.unused, begins, head), replid = replication() })
elseif forgotten and lost >= from then
  -- Another writer rebuilt the record, and had less of the end to send again.
  local spans = {}
  for first, last in string.gmatch(record.unused or '', '(%d+)-(%d+)') do
    spans[#spans + 1] = (tonumber(first) == lost + 1 and int(from) or first) .. '-' .. last
  end
  save(record, { unused = table.concat(spans, ','), lost_through = from - 1 })
end
if forgotten then
  next = math.max(tonumber(ARGV[9]), 1)
  local counts = { lines = record.lines + ARGV[10], redactions = record.redactions + ARGV[11],
    gaps = record.gaps + ARGV[12] }
  local phases, added = record.phases or '', {}
  for phase, rest in string.gmatch(ARGV[13], '(%S+)( %S+ %S+ %S+;)') do
    if not string.find(';' .. phases, ';' .. phase .. ' ', 1, true) then
      added[#added + 1] = phase .. rest
    end
  end
  if #added > 0 then
    counts.phases = phases .. table.concat(added)
  end
  if next > 1 or (raised and from > 1) then
    local changed = {}
    head = place(head, tonumber(record.held_from), record.unused, record.replid, changed) + 1
    call('XADD', LOG, head, 'ts', ARGV[14], 'gap', 'store_lost')
    if #changed > 0 then
      call('HSET', RECORD, unpack(changed))
    end
    counts.head, counts.gaps = head, counts.gaps + 1
  end
  save(record, counts)
end
fence = math.max(fence or 0, known_fence) + 1
save(record, { ['w:' .. id] = int(fence) .. ' ' .. int(next) .. ' ' .. int(time) })
running(record, time)
wake()
local replicas = string.match(call('INFO', 'replication'), 'connected_slaves:(%d+)')
return { OK, fence, next, tonumber(replicas) }
