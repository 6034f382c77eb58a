-- holder, how long: the job's archive work for one archiver at a time.
if call('EXISTS', RECORD) == 0 then
  return { NO_SUCH_JOB }
end
local time = now()
local till, holder = string.match(call('HGET', RECORD, 'claim') or '', '^(%d+) (.*)$')
if till and tonumber(till) > time and holder ~= ARGV[3] then
  return { CLAIMED }
end
call('HSET', RECORD, 'claim', int(time + ARGV[4]) .. ' ' .. ARGV[3])
return { OK }
