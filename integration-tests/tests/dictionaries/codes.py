"""Services that look words up in the data dictionaries, in both faces."""

from dataclasses import dataclass
from typing import Optional

from busker import Ctx, service
from zato.server.service import Service

WAY = ("iso_4217", "numeric")


class Zato(Service):
    name = "codes.zato"

    def handle(self):
        value = self.request.payload.currency
        self.response.payload = {
            "code": self.translate("crm", "currency", value, *WAY),
            "same": self.kvdb.translate("crm", "currency", value, *WAY, "none"),
        }


@dataclass
class Currency:
    currency: str


@dataclass
class Code:
    code: Optional[str]


@service(name="codes.typed")
def typed(ctx: Ctx, data: Currency) -> Code:
    return Code(ctx.translate("crm", "currency", data.currency, *WAY))
