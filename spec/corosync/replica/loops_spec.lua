-- The objects of a replica whose members run in nginx, in cqueues and on corosync.loop.
local groups = require "spec.helpers.groups"
local lock_members = require "spec.helpers.lock_members"
local nginx = require "spec.helpers.nginx"
local NGINX, CQUEUES, LUV = 1, 2, 3

describe("the objects of a replica in nginx and cqueues #slow", function()
  local members

  -- Returns an nginx that takes commands as the other members' programs do.
  local function start_nginx()
    local server = nginx.start(members.cluster, NGINX, "objects.conf", { SPEC_NAME = members.name })
    return { lines = server.lines, errors = {}, seen = 0, write = function(_, line)
      return members.cluster:run(NGINX, { "curl", "-sS", "http://127.0.0.1:8090/?" .. line:gsub("%s+$", "")
        :gsub(" ", "+") })
    end }
  end

  setup(function()
    members = lock_members.new()
    members.programs[NGINX] = start_nginx()
    members.programs[CQUEUES] = assert(members.cluster:run(CQUEUES,
      { groups.interpreter, "spec/helpers/clients/cqueues_object_member.lua", members.name }, { host = true }))
    members.programs[CQUEUES].seen = 0
    members:start(LUV)
    for node = 1, 3 do members:await(node, "^ready") end
  end)

  teardown(function()
    nginx.clean()
    assert(members.cluster:stop())
  end)

  it("include locks, for which requests and coroutines wait in turn", function()
    members:acquire(LUV, "turns")
    members:tell(NGINX, "acquire turns")
    members:waiting(NGINX, "turns", 1)
    members:tell(CQUEUES, "acquire turns")
    members:waiting(CQUEUES, "turns", 2)
    members:tell(LUV, "release turns")
    local first = members:granted(NGINX, "turns")
    members:tell(NGINX, "release turns")
    assert.is_true(members:granted(CQUEUES, "turns") > first)
    members:tell(CQUEUES, "release turns")
  end)

  it("include locks, for which a request may wait longer than for a submit", function()
    members:acquire(LUV, "long")
    members:tell(NGINX, "acquire long 3.5")
    assert.equal("timeout", members:await(NGINX, "^failed long (%S+)"))
    members:tell(LUV, "release long")
  end)

  it("include locks, whose holder learns of a cut before another one gets them", function()
    for _, node in ipairs { NGINX, CQUEUES } do
      local name = "cut" .. node
      local token = members:acquire(node, name)
      members:tell(LUV, "acquire " .. name)
      members:waiting(LUV, name, 1)
      assert(members.cluster:partition({ node }))
      local reason, told = members:lost(node, name)
      assert.equal("expired", reason)
      local next_token, granted = members:granted(LUV, name)
      assert.is_true(next_token > token)
      assert.is_true(granted > told, ("told %.3f s late"):format(told - granted))
      assert(members.cluster:heal())
      members:await(node, "^ready")
    end
  end)

  it("include elections, whose functions may wait", function()
    for node = 1, 3 do members:tell(node, (node == LUV and "lead" or "lead_slowly") .. " cron") end
    local last = 0
    for _ = 1, 2 do
      for _ = 1, 3 do
        local node, token
        assert(members.cluster:wait_for(function()
          for each = 1, 3 do
            token = members:find(each, "^elected cron (%d+)")
            node = each
            if token then return true end
          end
        end, 30, "a leader"))
        assert.is_true(tonumber(token) > last)
        last = tonumber(token)
        members:tell(node, "resign cron")
        members:await(node, "^deposed cron resigned")
      end
    end
  end)

  it("include periodic tasks, whose function may wait", function()
    for node = 1, 3 do members:tell(node, ("every_slowly task%d 1"):format(node)) end
    for node = 1, 3 do
      members:await(node, "^ticked task%d 1 ")
      members:await(node, "^ticked task%d 2 ")
    end
  end)

  it("include maps, whose watchers are called on all members", function()
    for node = 1, 3 do
      members:tell(node, "watch seen")
      members:await(node, "^watching seen")
    end
    for node = 1, 3 do
      members:tell(node, "set seen " .. node)
      for other = 1, 3 do members:await(other, "^changed seen key " .. node .. " ") end
    end
  end)

  local it_waits = (jit or _VERSION ~= "Lua 5.1") and it or function() end -- its coroutines cannot yield within pcall

  it_waits("include calls, whose functions may wait as callers do", function()
    for node = 1, 3 do
      members:tell(node, "serve all")
      members:await(node, "^serving all")
    end
    for node = 1, 3 do
      for callee = 1, 3 do
        members:tell(node, ("call x%d %d"):format(node, callee))
        assert.equal(("x%dx%d"):format(node, node), members:await(node, ("^called %d true (%%S+)"):format(callee)))
      end
    end
  end)
end)
