"""What the database holds."""

from django.db import models


class Entry(models.Model):
    """What a guest wrote."""

    name = models.CharField(max_length=80)
    text = models.TextField(max_length=1000)
    written = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-written", "-id"]
        verbose_name_plural = "entries"

    def __str__(self):
        return f"{self.name}: {self.text}"
