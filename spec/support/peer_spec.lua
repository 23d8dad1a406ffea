local cpg = require "corosync.cpg"
local handles = require "spec.helpers.handles"

local fails = handles.fails

after_each(handles.close_all)

describe("the daemon_user option", function()
  local function codes(user)
    local found = {}
    for _, service in ipairs { "cpg", "cmap", "quorum", "votequorum", "cfg" } do
      local module = require("corosync." .. service)
      local given = { daemon_user = user }
      local handle, _, code
      if service == "cmap" then
        handle, _, code = module.open("icmap", given)
      else
        handle, _, code = module.open(given)
      end
      found[service] = code or "open"
      if handle then handle:close() end
    end
    return found
  end

  it("is root here, and no other user's daemon is trusted", function()
    assert.same({ cpg = "open", cmap = "open", quorum = "open", votequorum = "open", cfg = "open" }, codes(0))
    assert.same({ cpg = "access", cmap = "access", quorum = "access", votequorum = "access", cfg = "access" },
      codes(12345))
    local message = fails("access", cpg.open { daemon_user = 12345 })
    assert.matches("^cannot reach Corosync's cpg service: its socket belongs to a program of a user other than the "
      .. "field daemon_user: ", message)
  end)

  it("must be a number", function()
    for _, wrong in ipairs { -1, 0.5, "root", 2 ^ 32 } do
      assert.error_matches(function() cpg.open { daemon_user = wrong } end,
        "field 'daemon_user' is a %a+, and a user's number is expected")
    end
  end)
end)
