-- The whole record, for scripts that are called seldom.
local function load()
  local flat = call('HGETALL', RECORD)
  if #flat == 0 then
    return nil
  end
  local record = {}
  for at = 1, #flat, 2 do
    record[flat[at]] = flat[at + 1]
  end
  return record
end

local function is_over(record)
  return record.state == 'ended' or record.state == 'erased'
end

local function writer(record, id)
  local fence, next, renewed = string.match(record['w:' .. id] or '', '^(%d+) (%d+) (%d+)$')
  return tonumber(fence), tonumber(next), tonumber(renewed)
end

-- When the last sign of life came from anybody who joined and has not left; nil when everybody has left.
local function renewed_last(record)
  local latest = nil
  for field, value in pairs(record) do
    if string.sub(field, 1, 2) == 'w:' then
      local renewed = tonumber(string.match(value, '(%d+)$'))
      if renewed > 0 and (not latest or renewed > latest) then
        latest = renewed
      end
    end
  end
  return latest
end

-- A script may change one thing after another: whatever was saved is also in `record`.
local function save(record, changes)
  local flat = {}
  for field, value in pairs(changes) do
    flat[#flat + 1] = field
    flat[#flat + 1] = value
    record[field] = value
  end
  call('HSET', RECORD, unpack(flat))
end

local function running(record, at)
  save(record, { state = 'running', touched = at })
  call('HDEL', RECORD, 'since')
end

-- Of two different endings the first counts.
local function wish(record, outcome, exit_code)
  if not record.ending then
    save(record, { ending = outcome })
    if exit_code ~= '' then
      save(record, { exit_code = exit_code })
    end
  end
end

-- The job's last entry. `ending` and `exit_code` in the record say how.
local function write_end(record, at)
  local changed = {}
  local head = place(tonumber(record.head), tonumber(record.held_from), record.unused, record.replid, changed) + 1
  local fields = { 'ts', at, 'end', record.ending }
  if record.exit_code then
    fields[5], fields[6] = 'exit_code', record.exit_code
  end
  for _, count in ipairs({ 'lines', 'redactions', 'gaps' }) do
    fields[#fields + 1] = count
    fields[#fields + 1] = record[count]
  end
  call('XADD', LOG, head, unpack(fields))
  if #changed > 0 then
    call('HSET', RECORD, unpack(changed))
  end
  -- Nobody holds a lease on what is over.
  for field, value in pairs(record) do
    if string.sub(field, 1, 2) == 'w:' then
      call('HSET', RECORD, field, (string.gsub(value, '%d+$', '0')))
    end
  end
  save(record, { state = 'ended', head = head, ended = at })
  call('HDEL', RECORD, 'since')
  wake()
  return head
end
