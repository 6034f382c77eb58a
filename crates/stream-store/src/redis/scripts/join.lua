-- writer: takes its slot, or takes it over.
local record = load()
if not record then
  return { NO_SUCH_JOB }
end
if is_over(record) then
  return { record.state == 'erased' and ERASED or ENDED }
end
local id, time = ARGV[3], now()
local fence, next = writer(record, id)
fence, next = (fence or 0) + 1, next or 1
local was = record.state
save(record, { ['w:' .. id] = int(fence) .. ' ' .. int(next) .. ' ' .. int(time) })
running(record, time)
if was ~= 'running' then
  wake()
end
-- How many replicas there are is for `confirm`, which must not take a stopped one for one that never was.
local replicas = string.match(call('INFO', 'replication'), 'connected_slaves:(%d+)')
return { OK, fence, next, tonumber(replicas) }
