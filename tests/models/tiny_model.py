"""Write a tiny llama model with random weights, small enough to make in a test and real enough for a real server.

What it says is grammatical nonsense. A purely random model would never end a text, so a few residual channels are set by
hand: what the last token was (a word's end, a digit, …) moves the next token towards closing what is open.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEADS, LAYERS, INNER, CONTEXT_TOKENS = 64, 4, 2, 96, 65_536
CONSTANT, ENDS, DIGIT, ZERO, DUE, CALLS = range(6)
"""Reserved channels: a constant (it carries each token's bias), and what the last token was.

`DUE`: a value comes next; `CALLS`: a tool call.
"""
RESERVED = 8

WORDS = (
    "the of and to in is that for it on with as was at by from or an be this have are not but its which more than will their has one "
    "price market company session news report quarter year revenue income margin growth demand cash debt share shares stock trend "
    "rose fell up down strong weak high low risk guidance forecast outlook sales profit loss cost costs rate rates average volume "
    "buy sell hold action style balanced aggressive conservative confidence probability reasoning summary score sentiment analysis "
    "positive negative neutral because while after before last next close open move moved likely pattern rule today experience "
    "json object schema answer field value text number true false null position weight return gain gains expected new product"
)
PAIRS = "th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de hi ri ro ic ne ea"
END, TURN, BEGIN = "<|im_end|>", "<|im_start|>", "<|begin|>"
OFFER, CALL, CALLED = "<|offer|>", "<tool_call>", "</tool_call>"
"""Marks of a model that calls tools: what ends a prompt that offers some, and what stands around a call."""
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TOOL_TEMPLATE = (
    "{% if tools %}<|im_start|>system\nFunctions:{% for tool in tools %}\n{{ tool | tojson }}{% endfor %}\n"
    'To call one: <tool_call>{"name": NAME, "arguments": OBJECT}</tool_call><|im_end|>\n{% endif %}'
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{% if message.content %}{{ message.content }}{% endif %}"
    "{% for call in message.tool_calls or [] %}"
    '<tool_call>{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}</tool_call>{% endfor %}'
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% if tools %}<|offer|>{% endif %}{% endif %}"
)
"""A chat template that knows tools; with the other one a server leaves them out in silence."""


def _byte_letters() -> list[str]:
    """The printable letter that the GPT-2 tokenizer uses for each byte."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


class Vocabulary:
    """Bytes, frequent words with all their beginnings, frequent pairs of letters, and the marks of the chat template."""

    def __init__(self, *, tools: bool = False) -> None:
        self.letters = _byte_letters()
        self.tokens = list(self.letters)
        self.merges: list[str] = []
        for word in WORDS.split():
            self._add_beginnings("\u0120" + word)
        for pair in PAIRS.split():
            self._add_beginnings(pair)
        self.ordinary = len(self.tokens)
        self.tokens += [BEGIN, TURN, END, *([OFFER, CALL, CALLED] if tools else [])]
        self.number = {token: number for number, token in enumerate(self.tokens)}

    def _add_beginnings(self, word: str) -> None:
        for length in range(2, len(word) + 1):
            if word[:length] not in self.tokens:
                self.tokens.append(word[:length])
                self.merges.append(f"{word[: length - 1]} {word[length - 1]}")

    def of(self, text: str) -> list[int]:
        return [self.number[self.letters[ord(letter)]] for letter in text]

    @property
    def words(self) -> list[int]:
        return list(range(256, self.ordinary))


def _embeddings(vocabulary: Vocabulary, random: np.random.Generator, *, ending_share: float) -> np.ndarray:
    table = random.normal(0, 0.4, (len(vocabulary.tokens), WIDTH)).astype(np.float32)
    table[:, :RESERVED] = 0
    table[:, CONSTANT] = 8
    table[random.choice(vocabulary.words, int(len(vocabulary.words) * ending_share), replace=False), ENDS] = 4
    table[vocabulary.of("0123456789"), DIGIT] = 4
    table[vocabulary.of("0"), ZERO] = 4
    table[vocabulary.of(":"), DUE] = 4
    if OFFER in vocabulary.number:
        table[vocabulary.number[OFFER], CALLS] = 4
        table[vocabulary.number[CALLED], ENDS] = 12
    return table


def _biases(vocabulary: Vocabulary) -> np.ndarray:
    bias = np.full(len(vocabulary.tokens), -14.0, np.float32)
    bias[vocabulary.words] = 0
    bias[vocabulary.of("abcdefghijklmnopqrstuvwxyz")] = -2
    bias[vocabulary.of("0123456789")] = -3
    for text, value in ((" ", -7), ('"', -3.5), (",", -5), ("]}", -4), (":", -5), (".", -4), ("-", -9), ("[", -4), ("tfn", -3)):
        bias[vocabulary.of(text)] = value
    bias[vocabulary.number[END]] = -4
    if CALLED in vocabulary.number:
        bias[vocabulary.number[CALLED]] = 0
    bias[[vocabulary.number[BEGIN], vocabulary.number[TURN]]] = -40
    return bias


def _head(vocabulary: Vocabulary, random: np.random.Generator) -> np.ndarray:
    """The output matrix: random, plus the biases and what the marked channels push."""
    head = random.normal(0, 0.22, (len(vocabulary.tokens), WIDTH)).astype(np.float32)
    head[:, :RESERVED] = 0
    scale = 1.15  # about what the last normalisation divides by
    head[:, CONSTANT] = _biases(vocabulary) / (8 / scale)
    pushes = (
        (ENDS, '"', 10), (ENDS, ",", -2), (DIGIT, ",}]", 6), (DIGIT, "0123456789", -1), (DIGIT, "eE", -8),
        (ZERO, ".", 11), (DUE, "0", 8), (DUE, '"', 4),
    )  # fmt: skip
    for channel, text, amount in pushes:
        head[vocabulary.of(text), channel] = amount / (4 / scale)
    head[vocabulary.number[END], ENDS] = 11 / (4 / scale)
    if CALL in vocabulary.number:
        head[vocabulary.number[CALL], CALLS] = 40 / (4 / scale)
    return head


def _layer_tensors(random: np.random.Generator) -> dict[str, np.ndarray]:
    """One random layer that neither reads nor writes the reserved channels, with attention sharp enough for prompts to matter."""

    def matrix(rows: int, columns: int, size: float, *, reads: bool = False, writes: bool = False) -> np.ndarray:
        values = random.normal(0, size, (rows, columns)).astype(np.float32)
        if reads:
            values[:, :RESERVED] = 0
        if writes:
            values[:RESERVED] = 0
        return values

    ones = np.ones(WIDTH, np.float32)
    return {
        "attn_norm": ones,
        "attn_q": matrix(WIDTH, WIDTH, 0.8, reads=True),
        "attn_k": matrix(WIDTH, WIDTH, 0.8, reads=True),
        "attn_v": matrix(WIDTH, WIDTH, 0.3, reads=True),
        "attn_output": matrix(WIDTH, WIDTH, 0.14, writes=True),
        "ffn_norm": ones,
        "ffn_gate": matrix(INNER, WIDTH, 0.15, reads=True),
        "ffn_up": matrix(INNER, WIDTH, 0.15, reads=True),
        "ffn_down": matrix(WIDTH, INNER, 0.1, writes=True),
    }


def write_tiny_model(path: Path, *, seed: int = 0, ending_share: float = 0.2, tools: bool = False) -> None:
    """Write the model as GGUF, under a megabyte.

    `ending_share`: the share of words after which a text may end. `tools`: it calls those that a prompt offers.
    """
    import gguf

    random, vocabulary = np.random.default_rng(seed), Vocabulary(tools=tools)
    writer = gguf.GGUFWriter(str(path), "llama")
    _add_facts(writer, vocabulary)
    writer.add_tensor("token_embd.weight", _embeddings(vocabulary, random, ending_share=ending_share))
    for layer in range(LAYERS):
        for name, values in _layer_tensors(random).items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", values)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    writer.add_tensor("output.weight", _head(vocabulary, random))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_facts(writer: Any, vocabulary: Vocabulary) -> None:
    writer.add_name("tiny random")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(vocabulary.tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary.tokens)
    normal, control, own = 1, 3, 4
    marks = [own if mark in (CALL, CALLED) else control for mark in vocabulary.tokens[vocabulary.ordinary :]]
    writer.add_token_types([normal] * vocabulary.ordinary + marks)
    writer.add_token_merges(vocabulary.merges)
    writer.add_bos_token_id(vocabulary.number[BEGIN])
    writer.add_eos_token_id(vocabulary.number[END])
    writer.add_eot_token_id(vocabulary.number[END])
    writer.add_add_bos_token(True)
    writer.add_chat_template(TOOL_TEMPLATE if CALL in vocabulary.number else TEMPLATE)
