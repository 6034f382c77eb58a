-- holder: gives its own claim back.
local holder = string.match(call('HGET', RECORD, 'claim') or '', '^%d+ (.*)$')
if holder == ARGV[3] then
  call('HDEL', RECORD, 'claim')
end
return { OK }
