local lab = require "corosync.lab"

-- Corosync stores the seq of a node's last ring, 8 bytes. The next seq is 5 more here.
local SET_SEQ = [[printf '%s' >/run/state/ringid_1]]
local TELL_SEQ = [[
for name, kind in pairs { cpg = "ring", quorum = "quorum", votequorum = "nodelist" } do
  local handle = assert(require("corosync." .. name).open {})
  assert(handle[name == "cpg" and "join" or "track"](handle, name == "cpg" and "seq" or nil))
  local event
  repeat
    handle:wait(10)
    event = { handle:receive() }
  until event[1] == kind
  local ring = event[name == "cpg" and 2 or name == "quorum" and 4 or 3]
  print(ring.node, tostring(ring.seq == tonumber(ring.seq) and ("%d"):format(ring.seq) or ring.seq))
end]]
local LUA = os.getenv("LUA"):match "%S+$"

local function start_at(cluster, seq)
  assert(cluster:kill(1))
  assert.equal(0, cluster:command(1, { "sh", "-c", SET_SEQ:format(seq) }))
  assert(cluster:restart(1))
end

describe("a ring's seq #slow", function()
  local cluster

  setup(function() cluster = assert(lab.start(1)) end)
  teardown(function() assert(cluster:stop()) end)

  for _, case in ipairs {
    { name = "2^53", bytes = [[\0\0\0\0\0\0\40\0]], hex = "20000000000005",
      text = math.type and "9007199254740997" or "00009007199254740997" },
    { name = "2^63", bytes = [[\0\0\0\0\0\0\0\200]], hex = "8000000000000005", text = "09223372036854775813" },
    { name = "2^64", bytes = [[\0\377\377\377\377\377\377\377]], hex = "ffffffffffffff05",
      text = "18446744073709551365" },
  } do
    it("about " .. case.name .. " is exact in every library, in views, histories and the status", function()
      start_at(cluster, case.bytes)
      local _, status = cluster:command(1, { "corosync-quorumtool", "-s" })
      assert.matches("Ring ID: +1%." .. case.hex .. "\n", status)
      local code, out, err = cluster:command(1, { LUA, "-e", TELL_SEQ })
      assert.equal(0, code, err)
      assert.equal(("1\t%s\n"):format(case.text):rep(3), out)
      local viewer = assert(cluster:run(1, { LUA, "spec/helpers/clients/viewer.lua", "seq" }))
      viewer:write "join\n"
      assert(cluster:wait_for(function() return viewer.lines[2] or viewer.exited end, 60, "a view"))
      assert.matches("^view ring=1:" .. case.text .. " nodes=1 quorate=true ", viewer.lines[2],
        1, table.concat(viewer.errors, "\n"))
      viewer:kill "sigkill"
      assert(viewer:wait(60))
      local host = assert(cluster:run(1, { "env", "CPGRUN_HISTORY=/run", "cpgrun", "examples/status.lua" }))
      local shown = case.text:find "^%d" and (#case.text < 20 and case.hex or case.text:gsub("^0+", ""))
      assert(cluster:wait_for(function()
        return table.concat(host.lines, "\n"):find("totem: ring 1." .. shown, 1, true) or host.exited
      end, 60, "the status"))
      assert.is_nil(host.exited or nil, table.concat(host.errors, "\n"))
      host:kill "sigkill"
      assert(host:wait(60))
      _, out = cluster:command(1, { "sh", "-c", "grep -h ^ring /run/*.history; rm /run/*.history" })
      assert.equal(("ring 1:%s\n"):format((case.text:gsub("^0+", ""))), out)
    end)
  end
end)
