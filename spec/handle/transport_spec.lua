-- Corosync's other transports between daemon and client: "qb_ipc_type: socket", and sockets that have file names.
local transports = require "spec.helpers.transports"

local interpreter = os.getenv("LUA"):match "%S+$"
local MESSAGES = 5000

for _, transport in ipairs(transports) do
  describe("with the transport " .. transport.name .. " #slow", function()
    local cluster

    setup(function() cluster = transports.start(transport) end)

    teardown(function() assert(cluster:stop()) end)

    local function start(...)
      return assert(cluster:run(1, { interpreter, ... }))
    end

    -- Waits for lines, in any order, after those that were waited for before.
    local function expect(program, ...)
      local wanted, from = { ... }, (program.seen or 0) + 1
      local missing
      assert(cluster:wait_for(function()
        missing = {}
        for _, line in ipairs(wanted) do missing[line] = true end
        for i = from, #program.lines do
          missing[program.lines[i]] = nil
          program.seen = i
          if not next(missing) then return true end
        end
        return program.exited
      end, 120))
      assert.is_nil(next(missing), table.concat(program.lines, "\n") .. table.concat(program.errors, "\n"))
    end

    it("groups, views, trackers and quorum work and reconnect after the daemon is killed", function()
      local program = start "spec/helpers/clients/all_services.lua"
      expect(program, "quorum\ttrue", "view\ttrue\t1")
      for _, word in ipairs { "first", "second" } do
        assert(program:write(word .. "\n"))
        expect(program, "message\t" .. word, (word == "first" and "add" or "modify") .. "\tcarried.key\t" .. word)
      end
      assert(cluster:kill(1))
      expect(program, "group lost", "cmap lost", "quorum lost")
      assert(cluster:restart(1))
      expect(program, "cmap back", "quorum\ttrue", "view\ttrue\t1")
      assert(program:write "third\n")
      expect(program, "message\tthird", "add\tcarried.key\tthird")
      program:close_stdin()
      assert.equal(0, program:wait(60), table.concat(program.errors, "\n"))
    end)

    it("a reader takes messages while a handler sleeps, and the disconnect is reported after them", function()
      local sleeper = start("spec/helpers/clients/slow_member.lua", "slow", tostring(MESSAGES))
      expect(sleeper, "joined")
      local flood = start("spec/helpers/clients/flood.lua", "slow", tostring(MESSAGES), "100", "5000")
      expect(sleeper, "asleep")
      expect(flood, "done")
      assert(sleeper:write "\n")
      expect(sleeper, "seen\t" .. MESSAGES)
      assert.is_true(tonumber(table.concat(sleeper.lines, "\n"):match "lagged\t(%d+)") > MESSAGES / 2)
      assert.equal(0, sleeper:wait(60))
    end)

    it("every call of a handle fails after the daemon is killed", function()
      local survivor = start("spec/helpers/clients/survivor.lua", "plain")
      expect(survivor, "ready")
      assert(cluster:kill(1))
      assert(survivor:write "\n")
      expect(survivor, "in a fork\t0", "dispatch again\tnot_connected", "send\tnot_connected", "leave\tnot_connected",
        "wait\tnot_connected", "members\tnot_connected", "open\tnot_connected", "done")
      assert(cluster:restart(1))
      assert(survivor:write "\n")
      expect(survivor, "back")
      assert.equal(0, survivor:wait(60))
    end)

    it("a waker wakes its poller when the daemon is killed", function()
      local program = start "spec/helpers/clients/waker_client.lua"
      expect(program, "armed")
      assert(cluster:kill(1))
      expect(program, "rung\tnot_connected")
      assert(cluster:restart(1))
      assert.equal(0, program:wait(60))
    end)

    if transport.has_datagrams then
      it("a leave beyond its limit still succeeds, and is reported", function()
        local code, out, errors = cluster:command(1, { interpreter, "-e", [[
          for _ = 1, 20 do -- one leave may be faster than the thread that limits it
            local left
            local handle = assert(require("corosync.cpg").open { config_change = function(_, gone) left = gone[1] end })
            assert(handle:join "late")
            assert(handle:leave(0))
            while not left do
              assert(handle:wait(60), "the leave was not reported")
              assert(handle:dispatch())
            end
            assert(handle:close())
          end]] })
        assert.equal(0, code, errors .. out)
      end)
    end

    it("closed handles leave neither descriptors nor files", function()
      local code, out, errors = cluster:command(1, { interpreter, "-e", [[
        local process = require "spec_process"
        local function open_all()
          for _, name in ipairs { "cpg", "cmap", "quorum", "votequorum", "cfg" } do
            local handle = assert(require("corosync." .. name).open(name ~= "cmap" and {} or nil))
            assert(handle:close())
          end
        end
        open_all()
        local before = process.descriptors()
        open_all()
        print(process.descriptors() - before)]] })
      assert.equal(0, code, errors)
      assert.equal("0\n", out)
    end)
  end)
end
