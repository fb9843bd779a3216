"""`/debug` of the gateway: for admins."""

from aiohttp import web

from gateway.api.guard import Guard
from gateway.web.problem import HttpProblem
from vedette.config.debug_settings import Debug
from vedette.debug.routes import DebugRoutes


def debug_routes(guard: Guard, settings: Debug) -> list[web.RouteDef]:
    """They need no bus."""

    def permit(request: web.Request) -> None:
        if guard.shut:
            why = "the gateway listens beyond this machine"
            raise HttpProblem(403, f"{why}: /debug needs gateway.accounts, gateway.api_token or debug.token")
        guard.check(request, changes=False, role="admin", private=True)

    return DebugRoutes(permit, settings.token).routes
