"""What the admin's pages show."""

from django.contrib import admin

from .models import Entry

admin.site.register(Entry)
