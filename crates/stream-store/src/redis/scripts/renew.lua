-- writer, fence: a sign of life.
local record = load()
if not record then
  return { NO_SUCH_JOB }
end
if is_over(record) then
  return { record.state == 'erased' and ERASED or ENDED }
end
local id, time = ARGV[3], now()
local fence, next = writer(record, id)
if fence ~= tonumber(ARGV[4]) then
  -- See append: a primary that is gone may have known better.
  if not record.unused or (fence and fence > tonumber(ARGV[4])) then
    return { FENCED }
  end
  fence, next = tonumber(ARGV[4]), next or 1
end
save(record, { ['w:' .. id] = int(fence) .. ' ' .. int(next) .. ' ' .. int(time) })
if record.state ~= 'running' then
  running(record, time)
  wake()
end
return { OK }
