"""The pages."""

from django.forms import ModelForm
from django.http import JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from .models import Entry


class EntryForm(ModelForm):
    class Meta:
        model = Entry
        fields = ["name", "text"]


def book(request):
    """The entries, and a form for another one."""
    form = EntryForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("book")
    return render(request, "book.html", {"entries": Entry.objects.all(), "form": form}, status=400 if form.errors else 200)


def entries(request):
    """The same as JSON."""
    return JsonResponse({"entries": list(Entry.objects.order_by("id").values("id", "name", "text"))})


def entry(request, number):
    """One of them, or 404."""
    return render(request, "entry.html", {"entry": get_object_or_404(Entry, pk=number)})


def export(request):
    """All of them as lines, each sent as it is read."""
    lines = (f"{entry.id}\t{entry}\n" for entry in Entry.objects.order_by("id").iterator())
    return StreamingHttpResponse(lines, content_type="text/tab-separated-values; charset=utf-8")


def error(request):
    """A 500 for the client, and a traceback in the application's log."""
    raise ValueError("this page is wrong on purpose")
