/* An ordinary C++ program: containers, strings, streams, shared pointers,
 * threads and exceptions. It states nothing; its answer is a number. */
#include <algorithm>
#include <deque>
#include <future>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

static std::vector<std::string> words(int count)
{
	std::vector<std::string> out;

	for (int i = 0; i < count; i++)
		out.push_back("word number " + std::to_string(i * 7919 % 1000));
	return out;
}

static size_t count_words(const std::vector<std::string> &list)
{
	std::map<std::string, int> ordered;
	std::unordered_map<std::string, std::vector<size_t>> places;
	std::set<std::string> different(list.begin(), list.end());

	for (size_t i = 0; i < list.size(); i++) {
		ordered[list[i]]++;
		places[list[i]].push_back(i);
	}
	return ordered.size() + places.size() + different.size();
}

struct node {
	std::shared_ptr<node> next;
	std::string name;
};

static size_t chain(int length)
{
	std::shared_ptr<node> head;
	size_t sum = 0;

	for (int i = 0; i < length; i++)
		head = std::make_shared<node>(node{ head, std::string(i % 64, 'n') });
	for (auto at = head; at; at = at->next)
		sum += at->name.size();
	return sum;
}

static int refuse(const std::vector<std::string> &list)
{
	int refused = 0;

	for (const std::string &word : list) {
		try {
			if (word.size() % 3)
				throw std::invalid_argument("refused: " + word);
		} catch (const std::invalid_argument &error) {
			refused += static_cast<int>(std::string(error.what()).size());
		}
	}
	return refused;
}

static size_t shuffle_ends(int count)
{
	std::deque<int> ends;
	std::list<int> middle;

	for (int i = 0; i < count; i++) {
		i & 1 ? ends.push_back(i) : ends.push_front(i);
		middle.insert(middle.begin(), i);
	}
	middle.sort();
	std::stable_sort(ends.begin(), ends.end());
	return ends.front() + middle.back();
}

int main()
{
	std::vector<std::string> list = words(2000);
	std::ostringstream answer;

	answer << std::async(std::launch::async, chain, 500).get() << ' ';
	answer << count_words(list) << ' ' << refuse(list) << ' ' << shuffle_ends(1000);
	std::cout << answer.str() << std::endl;
	return 0;
}
