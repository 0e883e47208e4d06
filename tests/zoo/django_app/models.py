"""The one table of the zoo's shop, with some rows in it."""

import os
from typing import Any

from django.db import connection, models
from django.http import HttpRequest, JsonResponse

ROWS = 50


class Product(models.Model):
    """Something to sell."""

    name = models.CharField(max_length=100)
    price = models.IntegerField()

    class Meta:
        """Not of an installed app."""

        app_label = "zoo"

    def __str__(self) -> str:
        return str(self.name)


def fill() -> None:
    """Make the table anew."""
    with connection.schema_editor() as editor:
        if Product._meta.db_table in connection.introspection.table_names():
            editor.delete_model(Product)
        editor.create_model(Product)
    Product.objects.bulk_create(Product(name=f"product {number}", price=number) for number in range(ROWS))
    connection.close()


def answer(**figures: Any) -> JsonResponse:
    """Return figures as JSON."""
    return JsonResponse(figures)


def health(request: HttpRequest) -> JsonResponse:
    """Say that it runs."""
    return answer(pid=os.getpid())
