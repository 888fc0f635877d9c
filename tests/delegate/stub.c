/* A TFLite delegate without hardware: it computes the DEQUANTIZE nodes of a graph, or fails as its option `mode`
 * says: at once, or once the file of its option `start` exists.
 * ABI: tensorflow/lite/core/c/common.h and tensorflow/lite/delegates/external/external_delegate_interface.h */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { int size, data[]; } Ints;
typedef struct {
    int type; void *data; Ints *dims; float scale; int zero_point, allocation; size_t bytes; const void *mapped;
    const char *name; void *delegate; int handle; bool stale, variable; int kind; void *quantisation, *sparsity, *shape;
} Tensor;
typedef struct { Ints *inputs, *outputs; } Node;
typedef struct Context Context;
typedef struct {
    void *init, *free, *prepare; int (*invoke)(Context *, Node *); void *profiling;
    int32_t builtin_code; const char *name; int version; void *external, *async; uint64_t in_place;
} Registration;
struct Context {
    size_t count; int (*plan)(Context *, Ints **); Tensor *tensors; void *impl, *resize, *report, *add;
    int (*node)(Context *, int, Node **, Registration **);
    int (*replace)(Context *, Registration, const Ints *, void *);
};
typedef struct { void *data; int (*prepare)(Context *, void *); void *copies[3]; int64_t flags; void *builder; } Delegate;

enum { OK, ERROR, DEQUANTIZE = 6 };
static char mode[256], start[256];

static bool is(const char *failure) { return !strcmp(mode, failure) && (!*start || !access(start, F_OK)); }

static int invoke(Context *context, Node *node) {
    if (is("hangs in invoke")) for (;;) pause();
    if (is("crashes")) raise(SIGSEGV);
    if (is("fails")) return ERROR;
    int first = node->inputs->size - node->outputs->size;  /* constants come first */
    for (int i = 0; i < node->outputs->size; i++) {
        Tensor *in = &context->tensors[node->inputs->data[first + i]], *out = &context->tensors[node->outputs->data[i]];
        for (size_t k = 0; k < out->bytes / sizeof(float); k++)
            ((float *)out->data)[k] = is("rubbish") ? 7 : in->scale * (((int8_t *)in->data)[k] - in->zero_point);
    }
    return OK;
}

static int prepare(Context *context, void *delegate) {
    Ints *plan, *claimed; Node *node; Registration *op, kernel = {.invoke = invoke, .name = "stub", .version = 1};
    if (is("refuses the graph")) return ERROR;
    context->plan(context, &plan);
    claimed = calloc(1 + plan->size, sizeof(int));
    for (int i = 0; i < plan->size; i++) {
        context->node(context, plan->data[i], &node, &op);
        if (op->builtin_code == DEQUANTIZE) claimed->data[claimed->size++] = plan->data[i];
    }
    return context->replace(context, kernel, claimed, delegate);
}

Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t number, void (*report)(const char *)) {
    *mode = *start = 0;
    for (size_t i = 0; i < number; i++)
        snprintf(!strcmp(keys[i], "mode") ? mode : start, 256, "%s", values[i]);
    if (is("refuses")) { report("no such device"); return NULL; }
    if (is("hangs")) for (;;) pause();
    Delegate *delegate = calloc(1, sizeof *delegate);
    delegate->prepare = prepare;
    return delegate;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) { free(delegate); }
