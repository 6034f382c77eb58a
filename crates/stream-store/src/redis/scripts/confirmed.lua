-- through, replication id: what a WAIT confirmed, unless another primary has taken over since.
local confirmed, head = unpack(call('HMGET', RECORD, 'confirmed', 'head'))
if not head then
  return { NO_SUCH_JOB }
end
if replication() ~= ARGV[4] then
  return { OK, 0 }
end
call('HDEL', RECORD, 'confirming')
if tonumber(ARGV[3]) > tonumber(confirmed or 0) then
  call('HSET', RECORD, 'confirmed', ARGV[3])
end
return { OK, 1 }
