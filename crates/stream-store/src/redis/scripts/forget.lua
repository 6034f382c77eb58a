-- through, keep the record for: one step, of at most 1,000 places, so that nobody waits for long. Answers 1 while there
-- is more to do, 2 when the job is forgotten.
local record = load()
if not record then
  return { NO_SUCH_JOB }
end
local head, held_from = tonumber(record.head), tonumber(record.held_from or record.head + 1)
local through = math.min(tonumber(ARGV[3]), tonumber(record.archived or 0), head)
if through >= held_from then
  local last = math.min(through, held_from + 999)
  local from = last + 1
  for first, gap in string.gmatch(record.unused or '', '(%d+)-(%d+)') do
    if tonumber(first) <= from and from <= tonumber(gap) then
      from = tonumber(gap) + 1
    end
  end
  call('XTRIM', LOG, 'MINID', '=', from)
  if call('EXISTS', PATCH) == 1 then
    for _, seq in ipairs(call('HKEYS', PATCH)) do
      if tonumber(seq) < from then
        call('HDEL', PATCH, seq)
      end
    end
  end
  save(record, { held_from = from })
  held_from = from
  if from <= through then
    return { OK, 1 }
  end
end
if record.state == 'ended' and held_from > head then
  -- Of the record only that is left which the archive's manifest does not say better.
  if call('PTTL', RECORD) < 0 then
    local kept = { 'owner', record.owner, 'state', 'ended', 'head', record.head, 'ending', record.ending,
      'revision', record.revision or 0, 'ended', record.ended }
    if record.exit_code then
      kept[#kept + 1] = 'exit_code'
      kept[#kept + 1] = record.exit_code
    end
    call('DEL', LOG, RECORD, PATCH)
    call('HSET', RECORD, unpack(kept))
    call('PEXPIRE', RECORD, ARGV[4])
  end
  return { OK, 2 }
end
return { OK, record.state == 'erased' and 2 or 0 }
