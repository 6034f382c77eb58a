-- through: everything up to here is in the archive.
local head, archived = unpack(call('HMGET', RECORD, 'head', 'archived'))
if not head then
  return { NO_SUCH_JOB }
end
local through = math.min(tonumber(ARGV[3]), tonumber(head))
if through > tonumber(archived or 0) then
  call('HSET', RECORD, 'archived', through)
end
return { OK }
