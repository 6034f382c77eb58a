-- writer, fence, next, at, lease, outcome or '', exit code or '': the end of a writer, with a wish to end the job in the
-- same step or without; and the end of the job when it was the last one and an end is wished for. Answers the last entry's
-- place, or 0 while the job goes on.
local record = load()
if not record then
  return { NO_SUCH_JOB }
end
local outcome, id, time = ARGV[8], ARGV[3], now()
local fence, next, renewed = writer(record, id)
-- A store that lost batches since it acknowledged them says so, while they are still kept; also when the job has ended
-- without them, and where the writer itself was lost as well. What has shrunk knows of no writers, and has everything.
local lost = (next or 1) < tonumber(ARGV[5]) and record.lines
if is_over(record) then
  if record.state == 'ended' and lost and (fence or tonumber(ARGV[4])) == tonumber(ARGV[4]) then
    return { BEHIND, next or 1 }
  end
  if outcome ~= '' then
    if record.state == 'erased' then
      return { ERASED }
    end
    if record.ending ~= outcome then
      return { ENDED }
    end
  end
  return { OK, tonumber(record.head) }
end
if fence ~= tonumber(ARGV[4]) then
  return { FENCED }
end
if lost then
  return { BEHIND, next }
end
if outcome ~= '' then
  wish(record, outcome, ARGV[9])
end
local was = record.state
if renewed > 0 then
  save(record, { ['w:' .. id] = int(fence) .. ' ' .. int(next) .. ' 0' })
  running(record, time)
elseif outcome == '' then
  return { OK, 0 }
end
local latest = renewed_last(record)
if record.ending and not (latest and time < latest + ARGV[7]) then
  return { OK, write_end(record, ARGV[6]) }
elseif was ~= record.state then
  wake()
end
return { OK, 0 }
