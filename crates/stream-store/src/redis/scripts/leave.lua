-- writer, fence, at, lease: the end of a writer, and of the job when it was the last one and an end is wished for.
local record = load()
if not record then
  return { NO_SUCH_JOB }
end
if is_over(record) then
  return { OK }
end
local id, time = ARGV[3], now()
local fence, next, renewed = writer(record, id)
if fence ~= tonumber(ARGV[4]) then
  return { FENCED }
end
if renewed == 0 then
  return { OK }
end
local was = record.state
save(record, { ['w:' .. id] = int(fence) .. ' ' .. int(next) .. ' 0' })
running(record, time)
local latest = renewed_last(record)
if record.ending and not (latest and time < latest + ARGV[6]) then
  write_end(record, ARGV[5])
elseif was ~= 'running' then
  wake()
end
return { OK }
