-- seq, entry: puts a masked entry in the place of one that is held, or says that one which is not was masked. An entry of a stream cannot be rewritten, so the
-- stream loses it and the patch has it, with the revision since which it is masked.
local record = load()
if not record then
  return { NO_SUCH_JOB }
end
if record.state == 'erased' then
  return { ERASED }
end
local seq, revision = tonumber(ARGV[3]), tonumber(record.revision or 0)
if seq < 1 or seq > tonumber(record.head) then
  return { OK, revision }
end
for first, last in string.gmatch(record.unused or '', '(%d+)-(%d+)') do
  if tonumber(first) <= seq and seq <= tonumber(last) then
    return { OK, revision }
  end
end
local entry = ARGV[4]
if seq < tonumber(record.held_from or record.head + 1) then
  -- The archive has it, and has it masked; all there is to keep is that it was.
  entry = ''
elseif call('XDEL', LOG, seq) == 0 and call('HEXISTS', PATCH, ARGV[3]) == 0 then
  return { OK, revision }
end
revision = revision + 1
-- A record that has shrunk has no followers to be told.
if record.lines then
  call('HSET', PATCH, ARGV[3], int(revision) .. ' ' .. entry)
end
save(record, { revision = revision })
wake()
return { OK, revision }
