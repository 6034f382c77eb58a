-- silent after, lost after, abandon after, at: judges the job's leases. Answers its state, since when, and 1 if it ended here.
local record = load()
if not record then
  return { NO_SUCH_JOB }
end
if is_over(record) then
  return { OK, record.state, 0, 0 }
end
local time, latest = now(), renewed_last(record)
local function ended(outcome)
  if not record.ending then
    save(record, { ending = outcome })
  end
  write_end(record, ARGV[6])
  return { OK, 'ended', 0, 1 }
end
-- As long as one of several writers is alive, the job is not silent.
local since = latest and latest + ARGV[3]
if since and time < since then
  if record.state == 'silent' then
    save(record, { state = 'running' })
    call('HDEL', RECORD, 'since')
    wake()
  end
  return { OK, 'running', 0, 0 }
end
if record.ending then
  return ended(record.ending)
end
if since and time >= since + ARGV[4] then
  return ended('lost')
end
if not since then
  if time >= record.touched + ARGV[5] then
    return ended('abandoned')
  end
  if record.state == 'silent' then
    running(record, record.touched)
    wake()
  end
  return { OK, 'running', 0, 0 }
end
if record.state ~= 'silent' or tonumber(record.since) ~= since then
  save(record, { state = 'silent', since = since })
  wake()
end
return { OK, 'silent', since, 0 }
