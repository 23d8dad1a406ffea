local lab = require "corosync.lab"

local LUA = os.getenv("LUA"):match "%S+$"

-- Opens votequorum again and again, and writes each outcome that differs from the one before.
local OPEN = [[
io.stdout:setvbuf "line"
local votequorum, uv = require "corosync.votequorum", require "luv"
local last
while true do
  local handle, _, code = votequorum.open()
  code = handle and handle:close() and "open" or code
  if code ~= last then print(code) end
  last = code
  uv.sleep(1)
end]]

describe("votequorum.open #slow", function()
  it("does not report a missing provider while Corosync stops or starts", function()
    local cluster = assert(lab.start(1))
    finally(function() assert(cluster:stop()) end)
    local opener = assert(cluster:run(1, { LUA, "-e", OPEN }))
    local function opens()
      assert(cluster:wait_for(function() return opener.exited or opener.lines[#opener.lines] == "open" end, 60))
      assert.is_false(opener.exited, table.concat(opener.errors, "\n"))
    end
    for _ = 1, 3 do
      opens()
      local before = #opener.lines
      assert.equal(0, (cluster:command(1, { "sh", "-c", "kill -s TERM $(pidof corosync)" })))
      assert(cluster:wait_for(function() return #opener.lines > before end, 60))
      assert(cluster:wait_for(function() return cluster:command(1, { "pidof", "corosync" }) ~= 0 end, 60))
      assert(cluster:restart(1))
    end
    opens()
    assert.not_matches("no_quorum_provider", table.concat(opener.lines, " "))
  end)
end)
